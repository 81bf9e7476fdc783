/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking a container away: its task, mounts, bundle, snapshot, notes, record, name; from any state that a crash
 * left.
 */
#pragma once

#include "libross/contract/records.h"
#include "ross-cli/session/session.h"

/*
 * force   a running one is killed first; else FailedPrecondition
 * Idempotent: what is gone already is fine. The record goes last but for the name, so an interrupted removal can
 * be repeated.
 */
int container_remove(struct session *s, const struct container *c, bool force, struct err *err);

/* The part of it that ends the task: kill, delete, shut the shim down, unmount, remove the bundle. */
int container_end_task(const struct session *s, const char *id, struct err *err);
/* The same for who holds container_lock(). */
int container_end_task_locked(const struct session *s, const char *id, struct err *err);
