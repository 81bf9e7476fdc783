/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a detached container: noted, its shim and mounts let go, and with --rm everything removed. */
#pragma once

#include "libross/contract/records.h"
#include "ross-cli/session/session.h"

/*
 * When the detached container has ended: writes the note of it and ends its task, or removes it
 * with LABEL_AUTO_REMOVE.
 * Nothing happens to one that runs, or that a client in the foreground looks after.
 */
int container_reap(struct session *s, const struct container *c, struct err *err);

/* Leaves a process behind that waits for the end of container `id` and reaps it ("container reap ID"). */
int container_reap_spawn(const struct session *s, const char *id, struct err *err);

/* Waits until it does not run. *ret_status: its exit code, 0 when it never ran. */
int container_wait(const struct session *s, const char *id, uint32_t *ret_status, struct err *err);
