/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may change a container's task. Locks end with their fd, so with their owner's death.
 *
 *   container_lock         held while a task is begun or taken away
 *     container_lock_client  held by a client in the foreground from before its task starts
 *                          until it has taken the task away;
 *                          another start waits for it
 *
 * The client's lock is taken first.
 */
#pragma once

#include "libross/base/err.h"
#include "ross-cli/session/session.h"

/* Both wait. *ret_fd is -1 when there is nothing to lock: the container, or its bundle, is gone. */
int container_lock(const struct session *s, const char *id, int *ret_fd, struct err *err);
int container_lock_client(const struct session *s, const char *id, int *ret_fd, struct err *err);
