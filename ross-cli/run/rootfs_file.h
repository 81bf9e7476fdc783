/* SPDX-License-Identifier: Apache-2.0 */
/* Small files of a root filesystem that is not mounted yet, looked up through its layers. */
#pragma once

#include <stddef.h>

#include "libross/base/err.h"
#include "libross/mount/mount.h"

#define ROOTFS_FILE_SIZE_MAX (1024 * 1024)

/*
 * The text of `path` ("etc/passwd", no leading slash) as the mounted filesystem would show it: nearest layer
 * first, whiteouts and opaque directories obeyed; when a symlink is on the way the mounts are really mounted for
 * the moment. *ret is malloc'ed and NUL-terminated. NotFound when it is not there.
 */
int rootfs_file_read(const struct mount_list *mounts, const char *path, char **ret, size_t *ret_len,
                     struct err *err);
