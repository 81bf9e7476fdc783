/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two directory trees, in the order in which a layer has it (reference 10.5). */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "libross/base/err.h"

#define TREE_DIFF_DEPTH_MAX 1024

enum tree_change {
    TREE_ADDED,
    TREE_MODIFIED,
    TREE_DELETED,   /* the whole tree at path; st is NULL */
    TREE_UNCHANGED, /* only for files with several names, one of which may have changed */
};

/*
 * path is relative to the roots, without a leading slash. The entry is `name` in dir_fd (of the upper tree; -1 when
 * deleted). A negative return ends the walk.
 */
typedef int (*tree_diff_fn)(void *arg, enum tree_change change, const char *path, int dir_fd,
                            const char *name, const struct stat *st, struct err *err);

/*
 * Both descriptors are borrowed; lower_fd -1 is an empty tree. In each directory names go by bytes, a directory's
 * contents right behind it. Two entries are equal when mode, owner, device number and security.capability are, and, but
 * for directories, size and modification time; equal times in whole seconds on both sides may have been cut, so
 * contents decide then.
 *
 * upper_is_overlay: the upper tree is an overlay's upper directory; see tar_diff.h.
 */
int tree_diff(int lower_fd, int upper_fd, bool upper_is_overlay, tree_diff_fn fn, void *arg,
              struct err *err);
