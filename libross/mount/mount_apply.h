/* SPDX-License-Identifier: Apache-2.0 */
/* Performing a mount list on a directory, and taking it off again. */
#pragma once

#include <stdbool.h>

#include "mount.h"
#include "libross/base/err.h"

#define MOUNTS_MAX 64 /* mounts in one list */

/* NULL or {0} is the default. */
struct mount_apply_options {
    bool classic; /* mount(2) even where the kernel has the file-descriptor calls: for tests */
};

/*
 * Performs the mounts in their order. Each goes to `target` joined with its own sub-path, which is resolved
 * inside `target` (symlinks and ".." cannot leave it) and must exist. When one fails, those before are taken off
 * again. Options: mount_opts.h; any number of overlay layers up to the kernel's 500. May be called by several threads.
 *
 * InvalidArgument for options that make no sense, ResourceExhausted when no loop device is free,
 * FailedPrecondition when a source or sub-path does not exist, else as err_sys with the kernel's own words where
 * it has some.
 */
int mount_apply(const struct mount_list *l, const char *target,
                const struct mount_apply_options *options, struct err *err);

/*
 * Takes off everything mounted at `path` and below it, the deepest first, until nothing is. A busy mount is tried again
 * every 50 ms, 50 times. A path that does not exist or where nothing is mounted is success.
 */
int mount_unmount_all(const char *path, struct err *err);
/* The same, detaching what is busy instead of waiting for it (MNT_DETACH): never blocks. */
int mount_detach_all(const char *path, struct err *err);
