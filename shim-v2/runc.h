/* SPDX-License-Identifier: Apache-2.0 */
/* Running the OCI runtime as a child of the loop: never waited for, always with a deadline. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "libross/base/loop.h"
#include "libross/base/strv.h"
#include "reaper.h"

#define RUNC_TIMEOUT_MS      (120 * 1000)
#define RUNC_CRIU_TIMEOUT_MS (600 * 1000)
#define RUNC_OUTPUT_MAX      (1024 * 1024) /* bytes kept of what a command prints */

/* A command that runs. Gone when its fn has run. */
struct runc_job;

struct runc_call {
    struct loop *loop;
    struct reaper *reaper;
    struct strv argv;     /* taken */
    const char *failed;   /* in front of an error: "OCI runtime create failed" */
    const char *log_path; /* the runtime's log.json; borrowed during runc_run only */
    const int *stdio;  /* the process's own 0, 1, 2 for create and exec; NULL: output is captured */
    const void *input; /* stdin, NULL = /dev/null; n_input bytes */
    size_t n_input;
    int64_t timeout_ms; /* 0 = RUNC_TIMEOUT_MS */
};

/*
 * fn is called exactly once, from the loop, never from within runc_run. r is 0 or a negative code with err (Unknown for
 * what the runtime said itself, DeadlineExceeded when it was killed for taking too long). out: NUL-terminated,
 * borrowed.
 */
typedef void (*runc_fn)(void *arg, int r, const struct err *err, const char *out, size_t n);
/* Orphans that show up meanwhile are not reaped before fn has run. */
struct runc_job *runc_run(struct runc_call *call, runc_fn fn, void *arg);
/* Nobody wants it any more: from now on it has at most so long, then it is killed. */
void runc_hurry(struct runc_job *j, int64_t timeout_ms);
