/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a container that nobody waits for: noted, its shim and mounts let go, with --rm everything removed. */
#pragma once

#include "libross/contract/records.h"
#include "ross-cli/session/session.h"

/*
 * When the container has ended: writes the note of it (and when its policy starts it again) and ends its task,
 * or removes it with LABEL_AUTO_REMOVE. Nothing happens to one that runs, or that a client in the foreground looks
 * after.
 */
int container_reap(struct session *s, const struct container *c, struct err *err);

/*
 * The shim will run "ross-cli container reap ID [EXEC]" when the container, or the exec, has ended: the words go into
 * the bundle. exec_id NULL = the container
 */
int container_reap_arrange(const struct session *s, const char *bundle, const char *id,
                           const char *exec_id, struct err *err);

/*
 * For a client in the foreground: while *ret_fd is open, the shim leaves the end of the container to it and does not
 * run the command. After container_reap_arrange().
 */
int container_reap_hold(const char *bundle, int *ret_fd, struct err *err);

/* What that command does for an exec: takes it away from the shim. */
int container_reap_exec(struct session *s, const char *id, const char *exec_id, struct err *err);

/*
 * What that command does: container_reap(), and when the policy says so, the wait and the next start. Gives up when
 * somebody stops, starts or removes the container meanwhile.
 */
int container_reap_and_restart(struct session *s, const char *id, struct err *err);

/*
 * After the machine was restarted, or shims were killed: containers that were lost are noted as ended, those made with
 * --rm removed, and those started whose policy wants it. `on_start` hears their ids. Goes on after a failure; the
 * last one is returned.
 */
int container_restore_all(struct session *s, void (*on_start)(const struct container *c),
                          struct err *err);

/* Waits until it does not run. *ret_status: its exit code, 0 when it never ran. */
int container_wait(const struct session *s, const char *id, uint32_t *ret_status, struct err *err);
