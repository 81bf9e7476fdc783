/* SPDX-License-Identifier: Apache-2.0 */
/* One process of a container in the foreground: started, its streams copied, signals forwarded, its exit awaited. */
#pragma once

#include "container_io.h"

struct foreground {
    const char *address; /* of the shim */
    const char *id;
    const char *exec_id; /* NULL = the container's own process */
    struct container_io *io;
    /*
     * Called once the process has started and once when it has ended, the latter before the task is deleted. May
     * be NULL.
     */
    int (*on_start)(void *arg, struct err *err);
    int (*on_exit)(const struct task_exit *exit, void *arg, struct err *err);
    void *arg;
};

/*
 * Between Create (or Exec) and the end: starts the process, copies until it has ended and all its output is
 * written, and deletes it from its shim. container_io_block_signals() must have been called.
 *
 * FOREGROUND_LEFT: the keys that detach were typed; the process runs on, and a thread of ours waits for it until we
 * exit.
 * *ret_status   the exit code; 141 when nobody read our output any more and the process was therefore killed
 * Fails only when the process could not be started or the shim was lost.
 */
#define FOREGROUND_LEFT 1
int foreground_run(const struct foreground *fg, uint32_t *ret_status, struct err *err);
