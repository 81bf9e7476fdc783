/* SPDX-License-Identifier: Apache-2.0 */
/* Copying a directory tree with all that belongs to its files. Inside this directory only. */
#pragma once

#include "libross/base/err.h"

#define VOLUME_COPY_DEPTH_MAX 128

/*
 * Everything below from_fd into the empty directory behind to_fd: kinds, modes, owners, times, extended attributes,
 * hard links, holes; and those of from_fd itself. Symbolic links are copied and never followed; sockets are left out;
 * other filesystems mounted below are not entered.
 */
int volume_copy_tree(int from_fd, int to_fd, struct err *err);
