/* SPDX-License-Identifier: Apache-2.0 */
/* One sqlite connection with its prepared statements; private to libross/db. */
#pragma once

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "db.h"

#define DB_STMT_BUCKETS 64
#define DB_STMTS_MAX    256 /* kept a connection */

struct db_stmt;

struct db_conn {
    sqlite3 *sq;
    struct db_stmt *stmts[DB_STMT_BUCKETS]; /* by address of the text */
    unsigned n_stmts, n_in_use;
    int64_t busy_max_ms;
    int64_t busy_since_ns; /* begin of the wait for a lock that is going on */
    int wal_pages;         /* in the log after the last commit */
    bool wrote;            /* the last commit wrote something */
    struct db_conn *next;
};

struct db {
    struct db_options opt;
    char *path, *wal_path;

    pthread_mutex_t write_lock; /* the holder may use `writer`; taken before every other lock */
    struct db_conn *writer;
    atomic_uint_fast64_t committed; /* number of the last commit that wrote */

    pthread_mutex_t sync_lock;
    pthread_cond_t sync_done;
    int wal_fd;        /* for the syncs of commits, -1 = not yet open */
    uint64_t synced;   /* every commit up to this number is on the disk */
    bool syncing;      /* a thread is in fdatasync */
    struct err failed; /* the sync that failed; nothing is written any more */

    pthread_mutex_t read_lock;
    pthread_cond_t reader_idle;
    struct db_conn *idle; /* open read connections without a transaction */
    unsigned n_readers;

    pthread_mutex_t checkpoint_lock; /* the holder may use `checkpointer` */
    struct db_conn *checkpointer;    /* NULL until needed, and always in DB_SHARED */
};

int db_conn_open(const struct db *db, struct db_conn **ret, struct err *err);
void db_conn_close(struct db_conn *c);
/*
 * Copies the log into the main file and empties it, unless somebody else uses the file at this moment: then only what
 * is in nobody's way is copied.
 */
void db_conn_empty_log(struct db_conn *c);
/* A statement without rows or arguments, not kept. */
int db_conn_exec(struct db_conn *c, const char *sql, struct err *err);
/* The first column of the first row, 0 when there is none. */
int db_conn_int(struct db_conn *c, const char *sql, int64_t *ret, struct err *err);
/* What a sqlite result code means to our callers. */
int db_conn_err(struct db_conn *c, int rc, const char *what, struct err *err);
/* Frees the kept statements. */
void db_stmt_free_all(struct db_conn *c);

/* Brings the schema to n_migrations. */
int db_migrate(struct db_conn *c, const struct db_options *opt, struct err *err);
