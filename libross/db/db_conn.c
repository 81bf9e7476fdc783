/* SPDX-License-Identifier: Apache-2.0 */
/* One sqlite connection: opening with our settings, waiting for locks, and what its errors mean. */
#include "db_conn.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "libross/base/clock.h"
#include "libross/base/random.h"

#define DB_BUSY_MS_DEFAULT  10000
#define DB_BUSY_STEP_MAX_NS (20 * NS_PER_MS)
#define DB_GROW_BYTES                                                                              \
    (256 * 1024) /* the file grows in such steps, so that deletes find room on a full disk */

static int
code_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return CODE_UNAVAILABLE;
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG:
        return CODE_RESOURCE_EXHAUSTED;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return CODE_DATA_LOSS;
    case SQLITE_CONSTRAINT:
        if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY ||
            rc == SQLITE_CONSTRAINT_ROWID)
            return CODE_ALREADY_EXISTS;
        return CODE_FAILED_PRECONDITION;
    case SQLITE_PERM:
    case SQLITE_READONLY:
        return CODE_PERMISSION_DENIED;
    case SQLITE_INTERRUPT:
        return CODE_CANCELED;
    default:
        return CODE_INTERNAL;
    }
}

int
db_conn_err(struct db_conn *c, int rc, const char *what, struct err *err)
{
    int primary = rc & 0xff;
    int sys =
        primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN ? sqlite3_system_errno(c->sq) : 0;
    const char *file = sqlite3_db_filename(c->sq, NULL);

    if (sys)
        return err_sys(err, sys, "%s: database %s", what, file ? file : "");
    return err_set(err, code_of(rc), "%s: database %s: %s", what, file ? file : "",
                   rc == SQLITE_NOMEM ? "out of memory" : sqlite3_errmsg(c->sq));
}

/* Sleeps a random while that grows with the number of attempts, until busy_max_ms are over. */
static int
on_busy(void *arg, int attempt)
{
    struct db_conn *c = arg;
    int64_t now = clock_mono_ns();
    int64_t step = NS_PER_MS / 4;

    if (attempt == 0)
        c->busy_since_ns = now;
    if (now - c->busy_since_ns > c->busy_max_ms * NS_PER_MS)
        return 0;
    for (int i = 0; i < attempt && step < DB_BUSY_STEP_MAX_NS; i++)
        step *= 2;
    if (step > DB_BUSY_STEP_MAX_NS)
        step = DB_BUSY_STEP_MAX_NS;
    step = step / 8 + (int64_t) (random_u32() % (uint32_t) step);
    (void) clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = (long) step}, NULL);
    return 1;
}

static int
on_wal_commit(void *arg, sqlite3 *sq, const char *name, int pages)
{
    struct db_conn *c = arg;

    (void) sq;
    (void) name;
    c->wrote = true;
    c->wal_pages = pages;
    return SQLITE_OK;
}

void
db_conn_empty_log(struct db_conn *c)
{
    (void) sqlite3_busy_handler(c->sq, NULL, NULL);
    (void) sqlite3_wal_checkpoint_v2(c->sq, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    (void) sqlite3_busy_handler(c->sq, on_busy, c);
}

int
db_conn_exec(struct db_conn *c, const char *sql, struct err *err)
{
    int rc = sqlite3_exec(c->sq, sql, NULL, NULL, NULL);

    if (rc != SQLITE_OK)
        return db_conn_err(c, sqlite3_extended_errcode(c->sq), sql, err);
    return 0;
}

int
db_conn_int(struct db_conn *c, const char *sql, int64_t *ret, struct err *err)
{
    sqlite3_stmt *s = NULL;
    int64_t v = 0;
    int rc;

    rc = sqlite3_prepare_v2(c->sq, sql, -1, &s, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(s);
        if (rc == SQLITE_ROW)
            v = sqlite3_column_int64(s, 0);
        rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : sqlite3_extended_errcode(c->sq);
    }
    if (rc != SQLITE_OK) {
        int r = db_conn_err(c, rc, sql, err);

        (void) sqlite3_finalize(s);
        return r;
    }
    (void) sqlite3_finalize(s);
    *ret = v;
    return 0;
}

/*
 * Switching a fresh file to WAL needs it alone for a moment, and sqlite does not call the busy handler for that: when
 * many processes meet at a new file, each tries again itself.
 */
static int
enter_wal_mode(struct db_conn *c, struct err *err)
{
    struct err e = {0};

    for (int attempt = 0;; attempt++) {
        int r = db_conn_exec(c, "PRAGMA journal_mode = WAL", &e);

        if (r == -CODE_UNAVAILABLE && on_busy(c, attempt))
            continue;
        if (r < 0) {
            if (err)
                *err = e;
            return r;
        }
        return 0;
    }
}

static int
configure(struct db_conn *c, const struct db_options *opt, struct err *err)
{
    bool shared = opt->mode == DB_SHARED;
    int grow = DB_GROW_BYTES;
    int r;

    (void) sqlite3_extended_result_codes(c->sq, 1);
    (void) sqlite3_busy_handler(c->sq, on_busy, c);
    (void) sqlite3_wal_hook(c->sq, on_wal_commit, c);
    if (shared) {
        (void) sqlite3_db_config(c->sq, SQLITE_DBCONFIG_LOOKASIDE, NULL, 0, 0);
        /* The last of a thousand processes to leave must not make the next one recover. */
        (void) sqlite3_db_config(c->sq, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    } else {
        (void) sqlite3_file_control(c->sq, "main", SQLITE_FCNTL_CHUNK_SIZE, &grow);
    }
    r = enter_wal_mode(c, err);
    if (r < 0)
        return r;
    /* NORMAL syncs at checkpoints; the sync of commits is ours (db_txn.c), shared by concurrent ones. */
    r = db_conn_exec(c,
                     "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;"
                     "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF",
                     err);
    if (r < 0)
        return r;
    return db_conn_exec(c, shared ? "PRAGMA cache_size = -128" : "PRAGMA cache_size = -2048", err);
}

int
db_conn_open(const struct db *db, struct db_conn **ret, struct err *err)
{
    struct db_conn *c = xcalloc(1, sizeof *c);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int rc, r;

    c->busy_max_ms = db->opt.busy_max_ms ? db->opt.busy_max_ms : DB_BUSY_MS_DEFAULT;
    rc = sqlite3_open_v2(db->path, &c->sq, flags, NULL);
    if (rc != SQLITE_OK) {
        if (c->sq)
            r = db_conn_err(c, sqlite3_extended_errcode(c->sq), "open", err);
        else
            r = err_set(err, CODE_RESOURCE_EXHAUSTED, "open database %s: out of memory", db->path);
    } else {
        r = configure(c, &db->opt, err);
    }
    if (r < 0) {
        db_conn_close(c);
        return r;
    }
    *ret = c;
    return 0;
}

void
db_conn_close(struct db_conn *c)
{
    if (!c)
        return;
    db_stmt_free_all(c);
    (void) sqlite3_close(c->sq);
    free(c);
}
