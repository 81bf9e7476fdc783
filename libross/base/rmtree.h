/* SPDX-License-Identifier: Apache-2.0 */
/* Removing a directory tree without leaving it: never follows symlinks, never crosses a mount point. */
#pragma once

#include "err.h"

/*
 * Removes `name` below dir_fd, whatever it is; a missing name is fine. Unreadable directories are made
 * accessible first. A mount point inside fails with FailedPrecondition (EXDEV) and leaves it alone. Iterative: depth is
 * bounded by memory for one fd a level, reopened beyond 64 levels. Works on a full disk.
 */
int rmtree_at(int dir_fd, const char *name, struct err *err);
/* Removes everything in the directory but not itself. */
int rmtree_contents(int dir_fd, struct err *err);
