/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of every snapshot: names, kinds, parents, labels, times, usage (reference 8.1 to 8.3). The truth
 * is a sqlite file; as this process is its only writer, all of it is also held in memory and reads never touch the
 * file. Directories are somebody else's: this module knows their ids only. Thread safe.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libross/contract/snapshots.h"

/* All labels of one snapshot together; a single one is bounded by LABEL_SIZE_MAX. */
#define SNAP_LABELS_BYTES_MAX (1024 * 1024)

struct snap_meta;

int snap_meta_open(const char *path, bool no_sync, struct snap_meta **ret, struct err *err);
void snap_meta_close(struct snap_meta *m); /* NULL is fine */

static inline void
snap_meta_closep(struct snap_meta **m)
{
    snap_meta_close(*m);
}
#define AUTO_SNAP_META __attribute__((cleanup(snap_meta_closep))) struct snap_meta *

/* A snapshot and the chain below it, as they were at the call. */
struct snap_chain {
    uint64_t id;
    enum snapshot_kind kind;
    uint64_t *parent_ids; /* nearest first */
    size_t n_parents;
    struct snapshot_usage usage; /* as stored */
    bool overlay_form;           /* see snap_meta_mark_overlay_form */
    int64_t synced_ns;           /* see snap_meta_mark_synced */
    struct labels labels;
};
void snap_chain_done(struct snap_chain *c);

int snap_meta_chain(struct snap_meta *m, const char *key, struct snap_chain *ret, struct err *err);
int snap_meta_stat(struct snap_meta *m, const char *key, struct snapshot_info *ret,
                   uint64_t *ret_id, struct err *err);
/* False when there is no snapshot of that id. */
bool snap_meta_by_id(struct snap_meta *m, uint64_t id, enum snapshot_kind *ret_kind,
                     size_t *ret_n_parents);

/* The name of the snapshot of that id, malloc'ed; NULL when there is none. */
char *snap_meta_name_of(struct snap_meta *m, uint64_t id);

/*
 * Prepare and View in two steps, because directories come before the row: `begin` checks (parent before key) and
 * gives a new id with the chain below; `insert` checks again and makes it visible. The row survives a crash of the
 * process at once and a power cut after snap_meta_sync().
 */
int snap_meta_begin(struct snap_meta *m, enum snapshot_kind kind, const char *key,
                    const char *parent, struct snap_chain *ret, struct err *err);
int snap_meta_insert(struct snap_meta *m, const struct snap_chain *begun, const char *key,
                     const char *parent, const struct labels *labels, struct err *err);

/*
 * Commit in two steps, because its data is made durable before the row: `check` checks everything of reference 8.2 and
 * gives the chain; `commit` checks again and is durable when it returns 0. NotFound when `key` is no longer the
 * snapshot that was checked.
 */
int snap_meta_commit_check(struct snap_meta *m, const char *name, const char *key,
                           const char *parent, struct snap_chain *ret, struct err *err);
int snap_meta_commit(struct snap_meta *m, const struct snap_chain *checked, const char *name,
                     const char *key, const char *parent, const struct labels *labels,
                     const struct snapshot_usage *usage, struct err *err);

/* Not durable before snap_meta_sync(): whoever removes the directories calls it first. */
int snap_meta_remove(struct snap_meta *m, const char *key, uint64_t *ret_id, struct err *err);
int snap_meta_update(struct snap_meta *m, const char *key, const struct labels *labels,
                     const struct strv *mask, struct snapshot_info *ret, uint64_t *ret_id,
                     struct err *err);

/*
 * The directory of this active snapshot holds whiteouts in the overlay's form though it has no parent. Kept in the
 * row.
 */
int snap_meta_mark_overlay_form(struct snap_meta *m, uint64_t id, struct err *err);
/* What changed in the directory before this time is on disk. In memory only; 0 takes it back. */
void snap_meta_mark_synced(struct snap_meta *m, uint64_t id, int64_t synced_ns);

/* Every change made so far is on disk when this returns 0. Cheap when there was none. */
int snap_meta_sync(struct snap_meta *m, struct err *err);
bool snap_meta_is_synced(struct snap_meta *m);

/* Each snapshot in order of creation, while others come and go: each that stays is met once. */
struct snap_cursor;
struct snap_cursor *snap_cursor_open(struct snap_meta *m);
/* Up to n of them: the count, 0 at the end. ret_ids may be NULL. */
size_t snap_cursor_next(struct snap_cursor *c, struct snapshot_info *ret, uint64_t *ret_ids,
                        size_t n);
void snap_cursor_close(struct snap_cursor *c);

/* The lowest id that this process gives out: everything below is from earlier lives. */
uint64_t snap_meta_first_new_id(const struct snap_meta *m);
/* Directories below this id were there before the database: nobody knows what they are, so they are not rubbish. */
uint64_t snap_meta_known_from(const struct snap_meta *m);
/* True when the machine has been started since the database was last recovered (or it never was). */
bool snap_meta_machine_restarted(const struct snap_meta *m);
/*
 * Recovery after a restart of the machine is complete: remembers this boot. No id up to highest_dir is given out:
 * a power cut may have taken rows and left their directories. Before serving.
 */
int snap_meta_recovered(struct snap_meta *m, uint64_t highest_dir, struct err *err);
/* Drops a row whose directories are gone, with nothing asked. For recovery before serving. */
int snap_meta_forget(struct snap_meta *m, uint64_t id, struct err *err);
/* DataLoss naming the first damage of the file or of the relations between rows. */
int snap_meta_verify(struct snap_meta *m, struct err *err);
