/* SPDX-License-Identifier: Apache-2.0 */
/* How a container is doing: from the note of how it ended, or from its shim. */
#pragma once

#include "api/client/task_client.h"
#include "libross/contract/records.h"
#include "ross-cli/session/session.h"

#define CONTAINER_EXIT_UNKNOWN 255 /* of one whose end nobody saw */

#define LABEL_NAME "ross/name" /* on the record: the container's name */

struct container_status {
    enum {
        CONTAINER_CREATED,
        CONTAINER_RUNNING,
        CONTAINER_PAUSED,
        CONTAINER_EXITED,     /* exit_code, finished_ns count */
        CONTAINER_DEAD,       /* its shim is gone without a note */
        CONTAINER_RESTARTING, /* has ended; its policy starts it again in a moment */
    } kind;
    uint32_t pid, exit_code, restarts;
    int64_t started_ns, finished_ns; /* 0 = unknown */
    bool oom_killed;                 /* of one that has ended */
    bool has_task;                   /* a shim answers for it */
    char *address;                   /* of the shim, NULL when there is no bundle */
};
void container_status_done(struct container_status *st);

const char *container_status_name(const struct container_status *st); /* "running" … */

/* Never changes anything. */
int container_status_get(const struct session *s, const char *id, struct container_status *ret,
                         struct err *err);

/* The name, "" when it has none. Borrowed. */
const char *container_name(const struct container *c);

/*
 * The record of `word`: a name, an id or the beginning of one. NotFound; InvalidArgument when several ids begin so.
 */
int container_find(struct session *s, const char *word, struct container *ret, struct err *err);
