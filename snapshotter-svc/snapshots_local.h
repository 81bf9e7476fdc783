/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The snapshots contract on directories and overlayfs: rows in ROOT/snapshotter.db, trees in ROOT/snapshots. One
 * process per root (the caller holds the lock).
 */
#pragma once

#include "libross/contract/snapshots.h"

struct snapshots_local;

enum snapshots_sync {
    SNAPSHOTS_SYNC_FULL,   /* whatever a call changed is on disk when it is answered */
    SNAPSHOTS_SYNC_COMMIT, /* Commit is; Prepare, View, Update and Remove are within a second */
    SNAPSHOTS_SYNC_NONE,   /* nothing is flushed: for throw-away machines */
};

struct snapshots_local_options {
    const char *root;
    enum snapshots_sync sync;
    bool
        upperdir_label; /* answer the label below, as containerd's overlayfs does with its option of that name */
    const struct strv *mount_options; /* for every overlay mount; NULL = none */
};

#define LABEL_UPPERDIR "containerd.io/snapshot/overlay.upperdir"
#define LABEL_UIDMAP   "containerd.io/snapshot/uidmapping"
#define LABEL_GIDMAP   "containerd.io/snapshot/gidmapping"
#define LABEL_MAX_SIZE "containerd.io/snapshot/max-size"

/*
 * Recovers what a power cut left, then starts the background work. DataLoss: the database is damaged.
 * FailedPrecondition: the filesystem cannot hold overlay layers.
 */
int snapshots_local_open(const struct snapshots_local_options *opt, struct snapshots_local **ret,
                         struct err *err);
/* The table; lives as long as `l`; its `free` closes `l`. */
struct snapshots *snapshots_local_contract(struct snapshots_local *l);
/* Every row as it is now would survive a power cut. */
bool snapshots_local_is_on_disk(struct snapshots_local *l);

/*
 * What Diff.Apply needs to know about a directory that it was asked to fill: is it the `fs` of one of our active
 * snapshots? Whiteouts of a layer that has no parent yet are kept in the overlay's form until it is known whether it
 * will get one at commit (reference 8.10).
 */
struct snapshots_target {
    uint64_t id; /* 0 = not ours */
    bool parentless, userxattr, durable;
};
/*
 * Until the end, nobody else fills this directory, it is not committed, and when its snapshot is removed it stays.
 * Waits for another one who fills it. FailedPrecondition: it is that of a snapshot of ours that is not active;
 * NotFound: of one that is no more. When *ret is not ours, nothing was begun.
 */
int snapshots_local_fill_begin(struct snapshots_local *l, const struct call_ctx *ctx,
                               const char *path, struct snapshots_target *ret, struct err *err);
void snapshots_local_fill_end(struct snapshots_local *l, const struct snapshots_target *t);
/* The snapshot was removed since then: there is no use in going on. */
bool snapshots_local_fill_is_vain(struct snapshots_local *l, const struct snapshots_target *t);
/* Before the first whiteout is written into a parentless target. */
int snapshots_local_will_hold_whiteouts(struct snapshots_local *l, uint64_t id, struct err *err);
/* Everything in it up to this moment is on disk: commit need not flush it again. */
int snapshots_local_is_synced(struct snapshots_local *l, uint64_t id, struct err *err);
/*
 * The containerd namespace that the snapshot of a directory of ours belongs to, malloc'ed; NULL when that cannot
 * be told. containerd 1.x does not tell its proxied differs in whose name they are called, but its names of
 * snapshots do: NAMESPACE/NUMBER/NAME (reference 8.8).
 */
char *snapshots_local_namespace(struct snapshots_local *l, const char *path);
