/* SPDX-License-Identifier: Apache-2.0 */
/* Every entry of a directory tree that others may be changing. */
#pragma once

#include <sys/stat.h>

#include "libross/base/err.h"

/*
 * One entry: its name below dir_fd and its lstat. May remove the entry (a directory then is not entered).
 * Non-zero ends the walk with that value.
 */
typedef int (*tree_walk_fn)(int dir_fd, const char *name, const struct stat *st, void *arg,
                            struct err *err);

/*
 * Calls fn for every entry below root_fd but not the root itself, parents before what is in them; names of one
 * directory in no order. What vanishes meanwhile is skipped, and so is what lies behind a mount point. Never follows a
 * symlink. Memory: the names along one path; two descriptors, whatever the depth.
 */
int tree_walk(int root_fd, tree_walk_fn fn, void *arg, struct err *err);
