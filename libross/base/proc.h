/* SPDX-License-Identifier: Apache-2.0 */
/* Starting child processes, the only way in threaded programs: vfork-like, no handlers, chosen fds. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "err.h"

#define PROC_PASS_FDS_MAX 64

struct proc_spawn {
    const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH when it has no '/' */
    const char *const *envp; /* NULL = ours */
    int cwd_fd;              /* -1 = ours */
    int stdio[3];            /* fds for 0, 1, 2; -1 = /dev/null, -2 = inherited */
    const int *pass_fds;     /* become 3, 4, … in the child, in this order */
    unsigned n_pass_fds;     /* at most PROC_PASS_FDS_MAX */
    bool new_session;        /* setsid() */
    bool new_pgrp;           /* setpgid(0, 0) */
    int death_signal; /* PR_SET_PDEATHSIG, 0 = none; set from the calling thread, which must live */
    bool want_pidfd;  /* asserts that ret_pidfd is there */
};

#define PROC_SPAWN_INIT                                                                            \
    {                                                                                              \
        .cwd_fd = -1, .stdio = { -1, -1, -1 }                                                      \
    }

/*
 * Starts a child with every signal default and unblocked and no other fd open. exec failures are reported
 * here, not as exit 127: NotFound when the program does not exist, else as err_sys.
 * *ret_pidfd (may be NULL: none is made) is the caller's to close.
 */
int proc_spawn(const struct proc_spawn *spec, pid_t *ret_pid, int *ret_pidfd, struct err *err);

/* Waits. *ret_status is the exit code, or 128 + signal. */
int proc_wait(pid_t pid, int *ret_status, struct err *err);

/*
 * Runs until the child ends, feeding `input` and collecting stdout and stderr up to their maxima (what comes beyond is
 * read and dropped). Where one of the three is NULL, the child gets what spec->stdio says. Output that a
 * grandchild writes after the child's end is not waited for. timeout_ms 0 = none; when it passes, the child (its
 * whole group when it has its own) is killed and the result is DeadlineExceeded. *ret_status as proc_wait.
 */
int proc_run(const struct proc_spawn *spec, const struct buf *input, struct buf *out,
             struct buf *errout, int64_t timeout_ms, int *ret_status, struct err *err);

/* The absolute path of `name` on PATH, malloc'ed, or NULL. A name with a '/' is itself when executable. */
char *proc_find_program(const char *name);

/*
 * The absolute path of another program of this project: beside our own executable (also when that has been replaced
 * since we started), else as proc_find_program. malloc'ed, or NULL.
 */
char *proc_find_companion(const char *name);
