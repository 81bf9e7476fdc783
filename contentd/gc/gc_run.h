/* SPDX-License-Identifier: Apache-2.0 */
/* Mark and sweep over the store, and over the snapshots of a snapshotter that serves nobody but us. */
#pragma once

#include "contentd/content/content_local.h"
#include "gc_graph.h"
#include "libross/contract/snapshots.h"
#include "libross/db/db.h"

#define GC_INGEST_LIFE_NS                                                                          \
    (24 * INT64_C(3600) * 1000000000) /* of a write that nobody continues or leases */
#define GC_SNAPSHOT_GRACE_NS                                                                       \
    (10 * INT64_C(60) * 1000000000) /* of an active one: a container's record may follow */

struct gc_verdict {
    const struct gc_graph *graph;
    gc_id id;
    bool kept;
    const char *
        because; /* of what goes, or of what stays without being reached; else NULL: see the graph */
    int64_t size_bytes; /* of a blob or an ingest, 0 otherwise */
};
typedef void (*gc_verdict_fn)(const struct gc_verdict *v, void *arg);

struct gc_run {
    struct db *db;
    struct content_store *store; /* NULL for a dry run */
    struct snapshots *snapshots; /* NULL: snapshots stay */
    const char *snapshotter;     /* its name in labels and records: "ross" */
    bool dry_run;
    gc_verdict_fn verdict; /* may be NULL */
    void *arg;
};

struct gc_stats {
    int64_t blobs_kept, blobs_removed, bytes_kept, bytes_removed;
    int64_t ingests_removed, snapshots_removed, leases_removed, images_removed;
};

/*
 * One run. Blobs of the plain view are never touched. Writers wait while the marking goes on. Unreachable
 * snapshots that cannot be removed (children, mounts) stay and are not an error.
 */
int gc_run(const struct gc_run *run, struct gc_stats *ret, struct err *err);
