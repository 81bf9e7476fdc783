/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A limit for what one snapshot may hold: a project quota of the filesystem (xfs, ext4 with `prjquota`). The project id
 * is the snapshot's id.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libross/base/err.h"

/* True when the filesystem behind fd enforces project quotas. */
bool snap_quota_works(int fd);
/*
 * Everything made below ID/fs and ID/work (dirs_fd: ROOT/snapshots) counts for the snapshot and stays below
 * max_bytes; what is written beyond fails with EDQUOT.
 */
int snap_quota_set(int dirs_fd, uint64_t id, int64_t max_bytes, struct err *err);
/* Takes the limit off a removed snapshot's id. Nothing to do where it has none. */
void snap_quota_clear(int dirs_fd, uint64_t id);
