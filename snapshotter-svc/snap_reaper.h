/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The background thread of the snapshotter. Directories of removed snapshots go here, and what earlier lives of the
 * process left behind; and rows that nobody waited for reach the disk within a second.
 */
#pragma once

#include "snap_dirs.h"
#include "snap_meta.h"

struct snap_reaper;

/* Borrows both. Starts with the search for directories without a row. */
struct snap_reaper *snap_reaper_start(struct snap_meta *meta, struct snap_dirs *dirs);
/*
 * Ends the thread when the queue is empty, at the latest after the tree it is at two seconds from now; what is
 * still queued then is found again at the next start. NULL is fine.
 */
void snap_reaper_stop(struct snap_reaper *r);

/* The row of this id is deleted: its directories may go, as soon as that is on disk. Returns at once. */
void snap_reaper_add(struct snap_reaper *r, uint64_t id);
/* A row was written that nobody waits for. */
void snap_reaper_wrote(struct snap_reaper *r);
/* Returns when everything added before is gone, having tried again what failed earlier: 0 or the first failure. */
int snap_reaper_drain(struct snap_reaper *r, struct err *err);
