/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ross-cli keeps of a container outside the records service.
 *
 *   ROOT/containers/names/NS/NAME   symbolic link whose text is the id: a name has one owner
 *   ROOT/containers/NS/ID/state.json  how it ended, see below
 *   STATE/tasks/NS/ID/              the bundle, while there is a task: config.json, rootfs, address, io/
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libross/base/err.h"

#define CONTAINER_ID_LEN 64

/* As docker's: [a-zA-Z0-9][a-zA-Z0-9_.-]+, at most 128; InvalidArgument. */
int container_name_check(const char *name, struct err *err);
/* AlreadyExists naming the owner and what to do. durable: on stable storage when it returns. */
int container_name_reserve(const char *root, const char *ns, const char *name, const char *id,
                           bool durable, struct err *err);
/* The id that has the name, malloc'ed, and since when; NULL when none has. */
char *container_name_owner(const char *root, const char *ns, const char *name,
                           int64_t *ret_since_ns);
/* Drops the name when `id` owns it. */
void container_name_release(const char *root, const char *ns, const char *name, const char *id);
/* "quiet_otter"-like, not reserved; malloc'ed. */
char *container_name_generate(void);

char *container_dir_path(const char *root, const char *ns, const char *id); /* malloc'ed */
char *bundle_path(const char *state, const char *ns, const char *id);       /* malloc'ed */

struct container_state {
    bool started, finished;
    int64_t started_ns, finished_ns;
    uint32_t exit_code;
    bool oom_killed;       /* finished: the kernel killed one of its processes for want of memory */
    bool stopped;          /* somebody asked it to end: no policy starts it again */
    uint32_t restarts;     /* by its policy since somebody started it */
    uint32_t row;          /* of them those in a row, none of which lived long */
    int64_t restart_at_ns; /* it has ended and will be started then; 0 = it will not */
};

/* Durable. */
int container_state_write(const char *root, const char *ns, const char *id,
                          const struct container_state *st, struct err *err);
/* A missing file is a container that never started: *ret zeroed. */
int container_state_read(const char *root, const char *ns, const char *id,
                         struct container_state *ret, struct err *err);
/* Removes ROOT/containers/NS/ID. */
int container_dir_remove(const char *root, const char *ns, const char *id, struct err *err);
