/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements within a transaction. SQL texts are compile-time strings: each is prepared once a connection and kept.
 *
 *     AUTO_PTR(db_stmt) q = NULL;
 *     r = db_query(&t, &q, err, "SELECT id, name FROM a WHERE ns = ?1", DB_TEXT(ns));
 *     if (r < 0)
 *         return r;
 *     while ((r = db_stmt_next(q, err)) > 0)
 *         use(db_stmt_int(q, 0), db_stmt_text(q, 1));
 *     return r;
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db_txn.h"

struct db_stmt;

/* An argument of a statement; made by the DB_ macros only. Bytes are borrowed until the statement is freed. */
struct db_arg {
    enum { DB_ARG_NULL, DB_ARG_INT, DB_ARG_TEXT, DB_ARG_BLOB } kind;
    int64_t num;
    const void *p;
    size_t n;
};
#define DB_INT(v) ((struct db_arg){.kind = DB_ARG_INT, .num = (v)})
/* NULL binds NULL. */
#define DB_TEXT(s)          ((struct db_arg){.kind = DB_ARG_TEXT, .p = (s)})
#define DB_BLOB(data, size) ((struct db_arg){.kind = DB_ARG_BLOB, .p = (data), .n = (size)})
#define DB_NULL             ((struct db_arg){.kind = DB_ARG_NULL})

/* ?1, ?2 … take the arguments in order. Nested use of one text is fine and costs a second preparation. */
#define db_query(t, ret_stmt, err, sql, ...)                                                       \
    db_query_args((t), (ret_stmt), (err), (sql), (const struct db_arg[]){{0}, ##__VA_ARGS__},      \
                  sizeof((const struct db_arg[]){{0}, ##__VA_ARGS__}) / sizeof(struct db_arg) - 1)
/*
 * A statement without rows, or whose rows do not matter. Returns the number of rows inserted, changed or deleted, or a
 * negative code: AlreadyExists for a violated UNIQUE or PRIMARY KEY, FailedPrecondition for other constraints.
 */
#define db_run(t, err, sql, ...)                                                                   \
    db_run_args((t), (err), (sql), (const struct db_arg[]){{0}, ##__VA_ARGS__},                    \
                sizeof((const struct db_arg[]){{0}, ##__VA_ARGS__}) / sizeof(struct db_arg) - 1)

int db_query_args(struct db_txn *t, struct db_stmt **ret, struct err *err, const char *sql,
                  const struct db_arg *args, size_t n);
int db_run_args(struct db_txn *t, struct err *err, const char *sql, const struct db_arg *args,
                size_t n);

/* 1 a row, 0 the end, negative an error. */
int db_stmt_next(struct db_stmt *q, struct err *err);
/* Binds again from the start, for a loop over one statement. */
#define db_stmt_rebind(q, ...)                                                                     \
    db_stmt_rebind_args(                                                                           \
        (q), (const struct db_arg[]){{0}, ##__VA_ARGS__},                                          \
        sizeof((const struct db_arg[]){{0}, ##__VA_ARGS__}) / sizeof(struct db_arg) - 1)
void db_stmt_rebind_args(struct db_stmt *q, const struct db_arg *args, size_t n);
/* Gives the statement back. NULL is fine. */
void db_stmt_free(struct db_stmt *q);
DEFINE_AUTO_PTR(db_stmt)

/*
 * Columns of the current row, from 0; pointers are borrowed until the next db_stmt_next. NULL reads as 0, "", no
 * bytes.
 */
int64_t db_stmt_int(struct db_stmt *q, int col);
const char *db_stmt_text(struct db_stmt *q, int col);
const void *db_stmt_blob(struct db_stmt *q, int col, size_t *ret_n);
bool db_stmt_is_null(struct db_stmt *q, int col);

/* The rowid of the last insert of this transaction. */
int64_t db_last_id(struct db_txn *t);
