/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions.
 *
 *     AUTO(db_txn) t = {0};
 *     r = db_txn_begin(db, DB_WRITE, &t, err);
 *     …
 *     r = db_run(&t, err, "INSERT INTO a VALUES (?1, ?2)", DB_TEXT(name), DB_INT(size));
 *     …
 *     return db_txn_commit(&t, err);
 *
 * What is not committed when `t` goes out of scope is rolled back. Do slow things (files, sockets) before the begin:
 * writers of the whole process, in DB_SHARED of all processes, wait for each other between begin and commit.
 */
#pragma once

#include "db.h"

struct db_conn;

enum db_txn_kind {
    DB_READ,  /* a stable view of the database; many at once */
    DB_WRITE, /* immediate: reads its own writes, one at a time */
};

/* On the stack, zeroed = no transaction. Belongs to the thread that began it. */
struct db_txn {
    struct db *db;
    struct db_conn *conn;
    enum db_txn_kind kind;
};

/* Unavailable: the lock could not be had within busy_max_ms. */
int db_txn_begin(struct db *db, enum db_txn_kind kind, struct db_txn *ret, struct err *err);
/*
 * Ends the transaction; DB_WRITE is durable when it returns 0 (concurrent commits share one fsync). All statements
 * of the transaction must have been freed (asserted). On error nothing of it stays, except when the sync itself failed:
 * then the database refuses all further writes with the same error until it is opened again.
 */
int db_txn_commit(struct db_txn *t, struct err *err);
/* As db_txn_commit without waiting for the disk: survives kill -9, a power cut may take it (and what came later). */
int db_txn_commit_lazy(struct db_txn *t, struct err *err);
/*
 * Every commit made so far, lazy ones too, is on the disk when this returns 0; shares its fsync with concurrent
 * commits. Costs nothing when there is none to wait for, or with no_sync.
 */
int db_sync(struct db *db, struct err *err);
/* Rolls back; nothing after a commit. */
void db_txn_abort(struct db_txn *t);

static inline void
db_txn_done(struct db_txn *t)
{
    db_txn_abort(t);
}
