/* SPDX-License-Identifier: Apache-2.0 */
/* What this host's overlay can do and needs. */
#pragma once

#include "overlay_mounts.h"

/*
 * Looks at the kernel and at the filesystem below dir_fd (ROOT/snapshots). FailedPrecondition when that filesystem
 * does not store file types in directories (xfs with ftype=0): overlay would show whiteouts as files.
 */
int overlay_probe(int dir_fd, struct overlay_host *ret, struct err *err);

/* True when the text of /proc/self/uid_map is not the initial user namespace's. Pure. */
bool overlay_uid_map_is_nested(const char *uid_map);
