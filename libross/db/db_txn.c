/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions and the shared sync of their commits.
 *
 * A write transaction holds write_lock from begin to COMMIT, which appends to the log without a sync. The thread then
 * waits until its commit is on the disk: whoever finds nobody syncing does one fdatasync of the log for every commit
 * made so far; those who commit meanwhile are covered by the next one. So the number of syncs depends on the disk and
 * not on the number of writers, and nobody holds the write lock while the disk works.
 *
 * sqlite guarantees the rest: it syncs the log's header when the log starts over, and log and main file at checkpoints.
 * A checkpoint runs beside the writers, by the thread whose commit made the log long.
 */
#include "db_txn.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include "db_conn.h"
#include "db_stmt.h"
#include "libross/base/fault.h"

#define DB_LOG_PAGES_SHARED 100  /* DB_SHARED: whoever opens the file alone reads all of the log */
#define DB_LOG_PAGES_SOFT   1000 /* copy the log into the main file from here on */
#define DB_LOG_PAGES_HARD   8000 /* … and make writers wait for it */

/* ---- readers ---- */

static int
reader_take(struct db *db, struct db_conn **ret, struct err *err)
{
    struct db_conn *c;
    int r;

    (void) pthread_mutex_lock(&db->read_lock);
    while (!db->idle && db->n_readers >= db->opt.readers_max)
        (void) pthread_cond_wait(&db->reader_idle, &db->read_lock);
    c = db->idle;
    if (c)
        db->idle = c->next;
    else
        db->n_readers++;
    (void) pthread_mutex_unlock(&db->read_lock);
    if (c) {
        *ret = c;
        return 0;
    }
    r = db_conn_open(db, ret, err);
    if (r < 0) {
        (void) pthread_mutex_lock(&db->read_lock);
        db->n_readers--;
        (void) pthread_cond_signal(&db->reader_idle);
        (void) pthread_mutex_unlock(&db->read_lock);
    }
    return r;
}

static void
reader_give(struct db *db, struct db_conn *c)
{
    (void) pthread_mutex_lock(&db->read_lock);
    c->next = db->idle;
    db->idle = c;
    (void) pthread_cond_signal(&db->reader_idle);
    (void) pthread_mutex_unlock(&db->read_lock);
}

/* ---- begin and end ---- */

static bool
uses_writer(const struct db *db, enum db_txn_kind kind)
{
    return kind == DB_WRITE || db->opt.mode == DB_SHARED;
}

static void
release(struct db_txn *t)
{
    struct db *db = t->db;
    struct db_conn *c = TAKE(t->conn);

    if (uses_writer(db, t->kind))
        (void) pthread_mutex_unlock(&db->write_lock);
    else
        reader_give(db, c);
}

static int
run_control(struct db_txn *t, const char *sql, struct err *err)
{
    AUTO_PTR(db_stmt) q = NULL;
    int r;

    r = db_query(t, &q, err, sql);
    if (r < 0)
        return r;
    return db_stmt_next(q, err);
}

static int
refuse_after_failed_sync(struct db *db, struct err *err)
{
    int r = 0;

    (void) pthread_mutex_lock(&db->sync_lock);
    if (db->failed.code) {
        if (err)
            *err = db->failed;
        r = -db->failed.code;
    }
    (void) pthread_mutex_unlock(&db->sync_lock);
    return r;
}

int
db_txn_begin(struct db *db, enum db_txn_kind kind, struct db_txn *ret, struct err *err)
{
    static const char begin_write[] = "BEGIN IMMEDIATE", begin_read[] = "BEGIN";
    struct db_txn t = {.db = db, .kind = kind};
    int r;

    assert(!ret->conn);
    if (uses_writer(db, kind)) {
        (void) pthread_mutex_lock(&db->write_lock);
        t.conn = db->writer;
    } else {
        r = reader_take(db, &t.conn, err);
        if (r < 0)
            return r;
    }
    r = kind == DB_WRITE ? refuse_after_failed_sync(db, err) : 0;
    if (r == 0)
        r = run_control(&t, kind == DB_WRITE ? begin_write : begin_read, err);
    if (r < 0) {
        release(&t);
        return r;
    }
    *ret = t;
    return 0;
}

void
db_txn_abort(struct db_txn *t)
{
    static const char rollback[] = "ROLLBACK";

    if (!t->conn)
        return;
    assert(t->conn->n_in_use == 0);
    /* A full disk or lack of memory may have rolled back already. */
    if (!sqlite3_get_autocommit(t->conn->sq))
        (void) run_control(t, rollback, NULL);
    release(t);
}

/* ---- the shared sync ---- */

static int
sync_log(struct db *db)
{
    int fault = FAULT("db.sync");

    if (fault) {
        errno = fault;
        return -1;
    }
    return fdatasync(db->wal_fd);
}

static int
wait_synced(struct db *db, uint64_t number, struct err *err)
{
    int r = 0;

    (void) pthread_mutex_lock(&db->sync_lock);
    while (db->synced < number && !db->failed.code) {
        uint64_t upto;
        int done;

        if (db->syncing) {
            (void) pthread_cond_wait(&db->sync_done, &db->sync_lock);
            continue;
        }
        db->syncing = true;
        (void) pthread_mutex_unlock(&db->sync_lock);
        upto = atomic_load(&db->committed);
        done = sync_log(db);
        (void) pthread_mutex_lock(&db->sync_lock);
        db->syncing = false;
        if (done == 0)
            db->synced = upto;
        else
            (void) err_sys(&db->failed, errno, "sync database %s", db->path);
        (void) pthread_cond_broadcast(&db->sync_done);
    }
    if (db->synced < number) {
        if (err)
            *err = db->failed;
        r = -db->failed.code;
    }
    (void) pthread_mutex_unlock(&db->sync_lock);
    return r;
}

/* ---- checkpoints ---- */

/* Passive: copies what no reader or writer stands in the way of. A failure only leaves the log longer. */
static void
checkpoint_with(struct db_conn *c)
{
    (void) sqlite3_wal_checkpoint_v2(c->sq, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

static void
checkpoint_beside_writers(struct db *db)
{
    if (pthread_mutex_trylock(&db->checkpoint_lock))
        return; /* somebody is at it */
    if (!db->checkpointer)
        (void) db_conn_open(db, &db->checkpointer, NULL);
    if (db->checkpointer)
        checkpoint_with(db->checkpointer);
    (void) pthread_mutex_unlock(&db->checkpoint_lock);
}

/*
 * By the writer itself. Between processes that open the file one after the other nothing remembers how much of the log
 * has been copied already: it would grow for ever, and with it the time that each of them needs to open the file. Only
 * an empty log begins anew.
 */
static void
checkpoint_by_writer(const struct db *db, struct db_conn *c, int pages)
{
    if (db->opt.mode == DB_SHARED && pages >= DB_LOG_PAGES_SHARED)
        db_conn_empty_log(c);
    else if (pages >= DB_LOG_PAGES_HARD)
        checkpoint_with(c);
}

static int
commit(struct db_txn *t, bool durable, struct err *err)
{
    static const char sql[] = "COMMIT";
    struct db *db = t->db;
    struct db_conn *c = t->conn;
    uint64_t number = 0;
    int pages = 0, r, fault;

    assert(c && c->n_in_use == 0);
    c->wrote = false;
    fault = t->kind == DB_WRITE ? FAULT("db.commit") : 0;
    r = fault ? err_sys(err, fault, "commit to database %s", db->path) : run_control(t, sql, err);
    if (r < 0) {
        db_txn_abort(t);
        return r;
    }
    if (c->wrote) {
        number = atomic_fetch_add(&db->committed, 1) + 1;
        pages = c->wal_pages;
        checkpoint_by_writer(db, c, pages);
    }
    release(t);
    if (!number)
        return 0;
    if (durable && !db->opt.no_sync) {
        r = wait_synced(db, number, err);
        if (r < 0)
            return r;
    }
    if (db->opt.mode == DB_SERVICE && pages >= DB_LOG_PAGES_SOFT)
        checkpoint_beside_writers(db);
    return 0;
}

int
db_txn_commit(struct db_txn *t, struct err *err)
{
    return commit(t, true, err);
}

int
db_txn_commit_lazy(struct db_txn *t, struct err *err)
{
    return commit(t, false, err);
}

int
db_sync(struct db *db, struct err *err)
{
    if (db->opt.no_sync)
        return 0;
    return wait_synced(db, atomic_load(&db->committed), err);
}
