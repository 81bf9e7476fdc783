/* SPDX-License-Identifier: Apache-2.0 */
/* What a container has changed in its root filesystem. */
#pragma once

#include "libross/contract/records.h"
#include "ross-cli/session/session.h"

/* kind 'A' added, 'C' changed, 'D' deleted; path absolute, borrowed for the call. */
typedef int (*container_diff_fn)(char kind, const char *path, void *arg, struct err *err);

/*
 * In the order of the names, each directory that leads to a change as changed before it. Where the runtime only made
 * room for a mount nothing counts as changed.
 */
int container_diff(struct session *s, const struct container *c, container_diff_fn fn, void *arg,
                   struct err *err);
