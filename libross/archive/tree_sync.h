/* SPDX-License-Identifier: Apache-2.0 */
/* Everything below a directory onto the disk, without flushing the rest of the filesystem. */
#pragma once

#include "libross/base/err.h"

/*
 * Every regular file and directory below root_fd (itself included) is durable when this returns 0: contents, names,
 * attributes. Never crosses a mount point or follows a symlink. Threads of its own make the flushes overlap.
 */
int tree_sync(int root_fd, struct err *err);
