/* SPDX-License-Identifier: Apache-2.0 */
/* The events of tasks, sent to containerd in the order in which they happened (reference section 4). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libross/base/loop.h"
#include "libross/mount/mount.h"

struct events;

#define EVENTS_QUEUE_MAX 2048 /* containerd is away for long: then the newest is dropped */

/* address: containerd's ttrpc socket; "" or NULL: nobody is told anything, and all functions below do nothing. */
struct events *events_new(struct loop *loop, const char *address, const char *ns);
void events_free(struct events *e);

struct event_io {
    const char *stdin_path, *stdout_path, *stderr_path;
    bool terminal;
};
struct event_exit {
    const char *container, *id; /* id: the exec's, or the container's for its own process */
    uint32_t pid, status;
    int64_t exited_at_ns;
};

void event_create(struct events *e, const char *id, const char *bundle,
                  const struct mount_list *rootfs, const struct event_io *io,
                  const char *checkpoint, uint32_t pid);
void event_start(struct events *e, const char *id, uint32_t pid);
void event_exec_added(struct events *e, const char *id, const char *exec_id);
void event_exec_started(struct events *e, const char *id, const char *exec_id, uint32_t pid);
void event_exit(struct events *e, const struct event_exit *x);
void event_delete(struct events *e, const struct event_exit *x); /* id "" for the container */
void event_oom(struct events *e, const char *id);
void event_paused(struct events *e, const char *id);
void event_resumed(struct events *e, const char *id);
void event_checkpointed(struct events *e, const char *id, const char *path);

/* fn(arg) once, from the loop, when the queue is empty, or after limit_ms at the latest. */
void events_drain(struct events *e, int64_t limit_ms, void (*fn)(void *arg), void *arg);
