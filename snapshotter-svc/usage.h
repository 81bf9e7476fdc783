/* SPDX-License-Identifier: Apache-2.0 */
/* How much a snapshot's own directory holds (reference 8.5). */
#pragma once

#include <stdbool.h>

#include "libross/contract/snapshots.h"

struct usage_scan {
    struct snapshot_usage usage; /* distinct inodes, the directory included, and their blocks */
    int64_t newest_ctime_ns;     /* the latest change of any of them */
    bool whiteouts;              /* a device 0:0 was seen */
    /* The directory is empty and as snapshots are made: mode 0755, no extended attributes. */
    bool pristine;
    uid_t uid; /* owner of the directory */
    gid_t gid;
};

/* dir_fd: the snapshot's `fs`. Files that vanish meanwhile are skipped. */
int usage_scan(int dir_fd, struct usage_scan *ret, struct err *err);
