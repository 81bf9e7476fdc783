/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of exits, STATE/tasks.db, shared by all shims: what a shim knew when it was killed. Opened, written and
 * closed for each entry, so that an idle shim holds nothing of it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libross/base/loop.h"

struct task_record;

struct task_exit_row {
    const char *bundle; /* names the task: unique on this machine */
    const char *ns, *id;
    uint32_t pid, status;
    int64_t exited_at_ns;
};

struct task_record *task_record_new(struct loop *loop, const char *state_dir);
void task_record_free(struct task_record *t);

/*
 * Writes the row, then calls done(arg, r, err): from within the call, or later from the loop when another process
 * is writing just now. It does not wait in between, and gives up after TASK_RECORD_LIMIT_MS.
 */
#define TASK_RECORD_LIMIT_MS 30000
void task_record_exited(struct task_record *t, const struct task_exit_row *row,
                        void (*done)(void *arg, int r, const struct err *err), void *arg);
/* Forgets the task, whose exit its owner has by now. The same way. */
void task_record_forget(struct task_record *t, const char *bundle);

/* For `delete`: blocking. 1 and the row's numbers, 0 when there is none, negative code. */
int task_record_find(const char *state_dir, const char *bundle, struct task_exit_row *ret,
                     struct err *err);
int task_record_forget_now(const char *state_dir, const char *bundle, struct err *err);
