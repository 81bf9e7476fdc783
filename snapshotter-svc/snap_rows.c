/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The snapshots' database file.
 *
 *   snapshots   one row each; `labels` is the packed form of snap_index.h; `parent` is an id, NULL = none; `flags`
 *               bit 0: whiteouts in overlay form without a parent. That names are unique is the index's business: an
 *               index of sqlite's would be a second page to write with every row, in a place of its own among 100,000
 *   state       ids_below, known_from, boot_id: see struct snap_rows_state
 */
#include "snap_rows.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "libross/base/fault.h"
#include "libross/db/db.h"
#include "libross/db/db_stmt.h"
#include "libross/db/db_txn.h"
#include "snap_index.h"

#define FLAG_OVERLAY_FORM 1

#define COLUMNS                                                                                    \
    "  parent INTEGER,"                                                                            \
    "  kind INTEGER NOT NULL,"                                                                     \
    "  created_ns INTEGER NOT NULL,"                                                               \
    "  updated_ns INTEGER NOT NULL,"                                                               \
    "  size_bytes INTEGER NOT NULL DEFAULT 0,"                                                     \
    "  inodes INTEGER NOT NULL DEFAULT 0,"                                                         \
    "  flags INTEGER NOT NULL DEFAULT 0,"                                                          \
    "  labels BLOB);"

static const char *const migrations[] = {
    "CREATE TABLE snapshots (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE," COLUMNS
    "CREATE TABLE state (name TEXT PRIMARY KEY, value) WITHOUT ROWID;",
    /* Names without an index. */
    "CREATE TABLE rows (id INTEGER PRIMARY KEY, name TEXT NOT NULL," COLUMNS
    "INSERT INTO rows SELECT * FROM snapshots;"
    "DROP TABLE snapshots;"
    "ALTER TABLE rows RENAME TO snapshots;",
};

struct snap_rows {
    struct db *db;
    atomic_uint_fast64_t changed, synced; /* numbers of writes: made, known to be on disk */
};

int
snap_rows_open(const char *path, bool no_sync, struct snap_rows **ret, struct err *err)
{
    struct snap_rows *d = xcalloc(1, sizeof *d);
    const struct db_options opt = {
        .path = path,
        .mode = DB_SERVICE,
        .migrations = migrations,
        .n_migrations = ARRAY_LEN(migrations),
        .readers_max = 1,
        .no_sync = no_sync,
    };
    int r = db_open(&opt, &d->db, err);

    if (r < 0) {
        free(d);
        return r;
    }
    *ret = d;
    return 0;
}

void
snap_rows_close(struct snap_rows *d)
{
    if (!d)
        return;
    (void) snap_rows_sync(d, NULL);
    db_close(d->db);
    free(d);
}

/* ---- loading ---- */

static int
load_row(struct snap_index *index, struct db_stmt *q, struct err *err)
{
    uint64_t id = (uint64_t) db_stmt_int(q, 0);
    int64_t kind = db_stmt_int(q, 3);
    struct snap_node *n;
    AUTO(labels) labels = {0};
    const void *packed;
    size_t packed_n;

    packed = db_stmt_blob(q, 9, &packed_n);
    if (kind < SNAPSHOT_VIEW || kind > SNAPSHOT_COMMITTED || !id || !*db_stmt_text(q, 1) ||
        (packed_n && !snap_labels_unpack(packed, packed_n, &labels)))
        return err_set(err, CODE_DATA_LOSS, "row of snapshot %" PRIu64 " is damaged", id);
    if (snap_index_find(index, db_stmt_text(q, 1)))
        return err_set(err, CODE_DATA_LOSS, "snapshot %" PRIu64 " has the name of another: %.300s",
                       id, db_stmt_text(q, 1));
    n = snap_node_new(id, (enum snapshot_kind) kind, db_stmt_text(q, 1));
    n->created_ns = db_stmt_int(q, 4);
    n->updated_ns = db_stmt_int(q, 5);
    n->usage.size_bytes = db_stmt_int(q, 6);
    n->usage.inodes = db_stmt_int(q, 7);
    n->overlay_form = db_stmt_int(q, 8) & FLAG_OVERLAY_FORM;
    n->labels = snap_labels_pack(&labels, &n->labels_bytes);
    snap_index_add(index, n);
    return 0;
}

static int
load_nodes(struct snap_index *index, struct db_txn *t, struct err *err)
{
    AUTO_PTR(db_stmt) q = NULL;
    int r;

    r = db_query(t, &q, err,
                 "SELECT id, name, parent, kind, created_ns, updated_ns, size_bytes, inodes, flags,"
                 " labels FROM snapshots ORDER BY id");
    while (r >= 0 && (r = db_stmt_next(q, err)) > 0)
        r = load_row(index, q, err);
    return r;
}

/* A parent may have a higher id than its child (rebase), hence a second pass. */
static int
load_parents(struct snap_index *index, struct db_txn *t, struct err *err)
{
    AUTO_PTR(db_stmt) q = NULL;
    struct snap_node *n, *parent;
    int r;

    r = db_query(t, &q, err, "SELECT id, parent FROM snapshots WHERE parent IS NOT NULL");
    while (r >= 0 && (r = db_stmt_next(q, err)) > 0) {
        n = snap_index_find_id(index, (uint64_t) db_stmt_int(q, 0));
        parent = snap_index_find_id(index, (uint64_t) db_stmt_int(q, 1));
        if (!n || !parent || parent->kind != SNAPSHOT_COMMITTED)
            return err_set(err, CODE_DATA_LOSS, "snapshot %" PRId64 " has no parent %" PRId64,
                           db_stmt_int(q, 0), db_stmt_int(q, 1));
        snap_index_set_parent(n, parent);
    }
    return r;
}

static int
load_state(struct db_txn *t, struct snap_rows_state *ret, struct err *err)
{
    AUTO_PTR(db_stmt) q = NULL;
    int r;

    r = db_query(t, &q, err, "SELECT name, value FROM state");
    while (r >= 0 && (r = db_stmt_next(q, err)) > 0) {
        if (strcmp(db_stmt_text(q, 0), "ids_below") == 0)
            ret->ids_below = (uint64_t) db_stmt_int(q, 1);
        else if (strcmp(db_stmt_text(q, 0), "known_from") == 0)
            ret->known_from = (uint64_t) db_stmt_int(q, 1);
        else if (strcmp(db_stmt_text(q, 0), "boot_id") == 0)
            (void) snprintf(ret->boot_id, sizeof ret->boot_id, "%s", db_stmt_text(q, 1));
    }
    return r;
}

int
snap_rows_load(struct snap_rows *d, struct snap_index *index, struct snap_rows_state *ret,
               struct err *err)
{
    AUTO(db_txn) t = {0};
    int r;

    *ret = (struct snap_rows_state){0};
    r = db_txn_begin(d->db, DB_READ, &t, err);
    if (r == 0)
        r = load_state(&t, ret, err);
    if (r == 0)
        r = load_nodes(index, &t, err);
    if (r == 0)
        r = load_parents(index, &t, err);
    return r;
}

/* ---- writing ---- */

/* `fill` runs the statements of one operation inside a transaction. */
typedef int (*write_fn)(struct db_txn *t, const void *arg, struct err *err);

static int
write_rows(struct snap_rows *d, const char *point, write_fn fill, const void *arg, struct err *err)
{
    AUTO(db_txn) t = {0};
    int r, e = FAULT(point);

    (void) point;
    if (e)
        return err_sys(err, e, "write to the snapshots' database");
    r = db_txn_begin(d->db, DB_WRITE, &t, err);
    if (r < 0)
        return r;
    r = fill(&t, arg, err);
    if (r < 0)
        return r;
    r = db_txn_commit_lazy(&t, err);
    if (r < 0)
        return r;
    (void) atomic_fetch_add(&d->changed, 1);
    return 0;
}

static int
fill_insert(struct db_txn *t, const void *arg, struct err *err)
{
    const struct snap_node *n = arg;

    return db_run(t, err,
                  "INSERT INTO snapshots (id, name, parent, kind, created_ns, updated_ns, labels)"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                  DB_INT((int64_t) n->id), DB_TEXT(n->name),
                  n->parent ? DB_INT((int64_t) n->parent->id) : DB_NULL, DB_INT(n->kind),
                  DB_INT(n->created_ns), DB_INT(n->updated_ns),
                  n->labels ? DB_BLOB(n->labels, n->labels_bytes) : DB_NULL);
}

int
snap_rows_insert(struct snap_rows *d, const struct snap_node *n, struct err *err)
{
    return write_rows(d, "snap.meta.insert", fill_insert, n, err);
}

static int
fill_commit(struct db_txn *t, const void *arg, struct err *err)
{
    const struct snap_node *n = arg;

    return db_run(t, err,
                  "UPDATE snapshots SET name = ?2, parent = ?3, kind = ?4, created_ns = ?5,"
                  " updated_ns = ?5, size_bytes = ?6, inodes = ?7, labels = ?8, flags = 0"
                  " WHERE id = ?1",
                  DB_INT((int64_t) n->id), DB_TEXT(n->name),
                  n->parent ? DB_INT((int64_t) n->parent->id) : DB_NULL, DB_INT(n->kind),
                  DB_INT(n->created_ns), DB_INT(n->usage.size_bytes), DB_INT(n->usage.inodes),
                  n->labels ? DB_BLOB(n->labels, n->labels_bytes) : DB_NULL);
}

int
snap_rows_commit(struct snap_rows *d, const struct snap_node *n, struct err *err)
{
    return write_rows(d, "snap.meta.commit", fill_commit, n, err);
}

static int
fill_delete(struct db_txn *t, const void *arg, struct err *err)
{
    const struct snap_node *n = arg;

    return db_run(t, err, "DELETE FROM snapshots WHERE id = ?1", DB_INT((int64_t) n->id));
}

int
snap_rows_delete(struct snap_rows *d, const struct snap_node *n, struct err *err)
{
    return write_rows(d, "snap.meta.delete", fill_delete, n, err);
}

static int
fill_update(struct db_txn *t, const void *arg, struct err *err)
{
    const struct snap_node *n = arg;

    return db_run(t, err, "UPDATE snapshots SET labels = ?2, updated_ns = ?3 WHERE id = ?1",
                  DB_INT((int64_t) n->id),
                  n->labels ? DB_BLOB(n->labels, n->labels_bytes) : DB_NULL, DB_INT(n->updated_ns));
}

int
snap_rows_update(struct snap_rows *d, const struct snap_node *n, struct err *err)
{
    return write_rows(d, "snap.meta.update", fill_update, n, err);
}

static int
fill_overlay_form(struct db_txn *t, const void *arg, struct err *err)
{
    const struct snap_node *n = arg;

    return db_run(t, err, "UPDATE snapshots SET flags = flags | 1 WHERE id = ?1",
                  DB_INT((int64_t) n->id));
}
_Static_assert(FLAG_OVERLAY_FORM == 1, "the statement above sets this bit");

int
snap_rows_mark_overlay_form(struct snap_rows *d, const struct snap_node *n, struct err *err)
{
    return write_rows(d, "snap.meta.mark", fill_overlay_form, n, err);
}

/* ---- state ---- */

static int
set_state(struct db_txn *t, const char *name, struct db_arg value, struct err *err)
{
    return db_run(t, err,
                  "INSERT INTO state VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2",
                  DB_TEXT(name), value);
}

static int
fill_ids_below(struct db_txn *t, const void *arg, struct err *err)
{
    const uint64_t *below = arg;

    return set_state(t, "ids_below", DB_INT((int64_t) *below), err);
}

int
snap_rows_set_ids_below(struct snap_rows *d, uint64_t below, struct err *err)
{
    return write_rows(d, "snap.meta.ids", fill_ids_below, &below, err);
}

static int
fill_recovered(struct db_txn *t, const void *arg, struct err *err)
{
    const struct snap_rows_state *s = arg;
    int r;

    r = set_state(t, "boot_id", DB_TEXT(s->boot_id), err);
    if (r >= 0)
        r = set_state(t, "ids_below", DB_INT((int64_t) s->ids_below), err);
    if (r >= 0 && s->known_from)
        r = set_state(t, "known_from", DB_INT((int64_t) s->known_from), err);
    return r;
}

int
snap_rows_recovered(struct snap_rows *d, const struct snap_rows_state *s, struct err *err)
{
    return write_rows(d, "snap.meta.recovered", fill_recovered, s, err);
}

/* ---- the disk ---- */

int
snap_rows_sync(struct snap_rows *d, struct err *err)
{
    uint64_t upto = atomic_load(&d->changed), before;
    int r;

    if (atomic_load(&d->synced) >= upto)
        return 0;
    r = db_sync(d->db, err);
    if (r < 0)
        return r;
    before = atomic_load(&d->synced);
    while (before < upto && !atomic_compare_exchange_weak(&d->synced, &before, upto))
        ;
    return 0;
}

bool
snap_rows_is_synced(struct snap_rows *d)
{
    return atomic_load(&d->synced) >= atomic_load(&d->changed);
}

int
snap_rows_verify(struct snap_rows *d, struct err *err)
{
    AUTO(db_txn) t = {0};
    AUTO_PTR(db_stmt) q = NULL;
    int r;

    r = db_verify(d->db, err);
    if (r < 0)
        return r;
    r = db_txn_begin(d->db, DB_READ, &t, err);
    if (r < 0)
        return r;
    r = db_query(&t, &q, err,
                 "SELECT s.id FROM snapshots s LEFT JOIN snapshots p ON p.id = s.parent"
                 " WHERE s.parent IS NOT NULL AND (p.id IS NULL OR p.kind <> 3) LIMIT 1");
    if (r < 0)
        return r;
    r = db_stmt_next(q, err);
    if (r > 0)
        return err_set(err, CODE_DATA_LOSS,
                       "snapshot %" PRId64 " has a parent that is missing or not committed",
                       db_stmt_int(q, 0));
    return r;
}
