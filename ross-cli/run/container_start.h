/* SPDX-License-Identifier: Apache-2.0 */
/* From a container's record and bundle to a running task, in the foreground or left alone. */
#pragma once

#include "container_dir.h"
#include "container_make.h"
#include "timing.h"

struct container_start {
    const struct container *record;
    const char *bundle;
    const struct mount_list *mounts; /* of its root filesystem */
    bool interactive, terminal;
    const char *keys; /* that detach from one with both, as bytes */
    bool by_policy;   /* not by somebody: counted in the note */
    bool forget;      /* the container is removed at its end: no note of how it ended */
    struct timing *timing;
    struct container_net *net; /* coming up, or NULL; the caller frees it */
    int *lock_fd;              /* closed once the process has started; NULL = none */
};

/*
 * Streams copied to ours until it has ended. *ret_started says whether it ran at all. FOREGROUND_LEFT: it was detached
 * from by keys, and runs on.
 * container_io_block_signals() must have
 * been called.
 */
int container_start_foreground(struct session *s, const struct container_start *how,
                               uint32_t *ret_status, bool *ret_started, struct err *err);

/* Its output goes to its log. With LABEL_AUTO_REMOVE a process of ours stays behind to remove it. */
int container_start_detached(struct session *s, const struct container_start *how, struct err *err);

struct container_start_options {
    bool attach, interactive; /* interactive: for one that is attached to */
    const char *keys;         /* that detach, as bytes */
};

/*
 * One that has ended or never ran: bundle and mounts anew, then as above. One that runs already
 * is fine unless `attach`
 * (FailedPrecondition). *ret_status: exit code with `attach`, or 126 or 127 when the command is
 * at fault.
 */
int container_start_again(struct session *s, const struct container *c,
                          const struct container_start_options *opt, int *ret_status,
                          struct err *err);
/*
 * Detached, and counted as one of its policy's starts. 1 when its note is not the one any more that this was
 * decided on: somebody has started, stopped or removed it meanwhile, and nothing is done.
 */
int container_start_by_policy(struct session *s, const struct container *c,
                              const struct container_state *decided_on, int *ret_status,
                              struct err *err);
