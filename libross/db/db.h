/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sqlite database: opening, schema versions, closing. The one door to sqlite3 (with db_txn.h and db_stmt.h).
 *
 * All use goes through transactions: db_txn_begin(), statements, db_txn_commit().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libross/base/err.h"
#include "libross/base/mem.h"

/* A database file, shared by the threads of the process. */
struct db;

enum db_mode {
    /*
     * One process owns the file. One write connection (writers queue for it, the sync of their commits is shared: group
     * commit) and up to readers_max read connections side by side. Checkpoints happen beside the writers.
     */
    DB_SERVICE,
    /*
     * Many processes share the file: one connection, short immediate transactions, a bounded random back-off while
     * another process writes. Small: no thread, little cache. Use from one thread at a time is cheapest.
     */
    DB_SHARED,
};

/*
 * A schema is a list of steps; step i (SQL, several statements) leads from version i to i + 1, and steps are never
 * changed once released. The file remembers its version (PRAGMA user_version).
 */
struct db_options {
    const char *path; /* made (0600) when missing, its directory is not */
    enum db_mode mode;
    const char *const *migrations;
    size_t n_migrations;
    unsigned readers_max; /* DB_SERVICE: 0 = 8 */
    int64_t
        busy_max_ms; /* longest wait for a lock of another process before Unavailable; 0 = 10 s */
    bool no_sync;    /* commits survive kill -9 but not a power cut (--sync=none) */
};

/*
 * Opens in WAL mode and brings the schema up to date. FailedPrecondition: the file was written by a newer version.
 * DataLoss: it is no database or is damaged. ResourceExhausted: disk or memory full.
 */
int db_open(const struct db_options *opt, struct db **ret, struct err *err);
/* Every transaction must have ended. NULL is fine. */
void db_close(struct db *db);

static inline void
db_closep(struct db **db)
{
    db_close(*db);
}
/* `AUTO_DB db = NULL;` */
#define AUTO_DB __attribute__((cleanup(db_closep))) struct db *

/*
 * Looks for damage (PRAGMA quick_check, foreign keys): DataLoss with the first finding. Reads the whole file.
 */
int db_verify(struct db *db, struct err *err);
/* Copies the log into the main file and empties it, for tests and before a backup. */
int db_checkpoint(struct db *db, struct err *err);
