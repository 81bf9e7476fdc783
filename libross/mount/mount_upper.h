/* SPDX-License-Identifier: Apache-2.0 */
/* The directory in which an overlay keeps what is its own. */
#pragma once

#include "libross/base/err.h"
#include "mount.h"

/*
 * Opens it for reading. Where the ids of the overlay are mapped, its files have the ids that those inside see, not
 * those on disk. The descriptor is the caller's. FailedPrecondition when the mount has no such directory.
 */
int mount_upper_open(const struct mount *m, int *ret_fd, struct err *err);
