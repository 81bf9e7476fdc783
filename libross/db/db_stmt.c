/* SPDX-License-Identifier: Apache-2.0 */
/* Prepared statements: each connection keeps those it has prepared, found by the address of their text. */
#include "db_stmt.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "db_conn.h"

struct db_stmt {
    sqlite3_stmt *s;
    struct db_conn *conn;
    const char *sql; /* as given: the key */
    struct db_stmt *next;
    int bind_rc; /* first failure of a binding, reported by the next step */
    bool kept, in_use;
};

static struct db_stmt **
bucket_of(struct db_conn *c, const char *sql)
{
    uintptr_t h = (uintptr_t) sql;

    return &c->stmts[(h ^ (h >> 6) ^ (h >> 12)) % DB_STMT_BUCKETS];
}

/* The text is compared too: a caller may have freed one string and made another at the same address. */
static struct db_stmt *
find_kept(struct db_conn *c, const char *sql)
{
    for (struct db_stmt *q = *bucket_of(c, sql); q; q = q->next)
        if (q->sql == sql && !q->in_use && !strcmp(sqlite3_sql(q->s), sql))
            return q;
    return NULL;
}

static int
prepare(struct db_conn *c, const char *sql, struct db_stmt **ret, struct err *err)
{
    sqlite3_stmt *s;
    struct db_stmt *q;
    int rc;

    rc = sqlite3_prepare_v3(c->sq, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL);
    if (rc != SQLITE_OK)
        return db_conn_err(c, sqlite3_extended_errcode(c->sq), sql, err);
    q = xcalloc(1, sizeof *q);
    q->s = s;
    q->conn = c;
    q->sql = sql;
    if (c->n_stmts < DB_STMTS_MAX) {
        struct db_stmt **b = bucket_of(c, sql);

        q->next = *b;
        *b = q;
        q->kept = true;
        c->n_stmts++;
    }
    *ret = q;
    return 0;
}

static int
bind_one(sqlite3_stmt *s, int i, const struct db_arg *a)
{
    switch (a->kind) {
    case DB_ARG_INT:
        return sqlite3_bind_int64(s, i, a->num);
    case DB_ARG_TEXT:
        return sqlite3_bind_text(s, i, a->p, -1, SQLITE_STATIC);
    case DB_ARG_BLOB:
        /* A NULL pointer would bind NULL. */
        return sqlite3_bind_blob64(s, i, a->p ? a->p : "", a->n, SQLITE_STATIC);
    case DB_ARG_NULL:
        break;
    }
    return sqlite3_bind_null(s, i);
}

/* args[0] is the filler of the macros. */
static void
bind_all(struct db_stmt *q, const struct db_arg *args, size_t n)
{
    assert((int) n == sqlite3_bind_parameter_count(q->s));
    for (size_t i = 1; i <= n; i++) {
        int rc = bind_one(q->s, (int) i, &args[i]);

        if (rc != SQLITE_OK && q->bind_rc == SQLITE_OK)
            q->bind_rc = rc;
    }
}

int
db_query_args(struct db_txn *t, struct db_stmt **ret, struct err *err, const char *sql,
              const struct db_arg *args, size_t n)
{
    struct db_stmt *q;
    int r;

    assert(t->conn);
    q = find_kept(t->conn, sql);
    if (!q) {
        r = prepare(t->conn, sql, &q, err);
        if (r < 0)
            return r;
    }
    assert(q);
    q->in_use = true;
    t->conn->n_in_use++;
    bind_all(q, args, n);
    *ret = q;
    return 0;
}

int
db_stmt_next(struct db_stmt *q, struct err *err)
{
    int rc;

    if (q->bind_rc != SQLITE_OK)
        return db_conn_err(q->conn, q->bind_rc, q->sql, err);
    rc = sqlite3_step(q->s);
    if (rc == SQLITE_ROW)
        return 1;
    if (rc == SQLITE_DONE)
        return 0;
    return db_conn_err(q->conn, sqlite3_extended_errcode(q->conn->sq), q->sql, err);
}

int
db_run_args(struct db_txn *t, struct err *err, const char *sql, const struct db_arg *args, size_t n)
{
    AUTO_PTR(db_stmt) q = NULL;
    int before, r;

    r = db_query_args(t, &q, err, sql, args, n);
    if (r != 0)
        return r;
    before = sqlite3_total_changes(t->conn->sq);
    do {
        r = db_stmt_next(q, err);
    } while (r > 0);
    if (r < 0)
        return r;
    /* changes() keeps its old value for statements that change nothing by their nature. */
    if (sqlite3_total_changes(t->conn->sq) == before)
        return 0;
    return sqlite3_changes(t->conn->sq);
}

static void
unbind(struct db_stmt *q)
{
    (void) sqlite3_reset(q->s);
    (void) sqlite3_clear_bindings(q->s);
    q->bind_rc = SQLITE_OK;
}

void
db_stmt_rebind_args(struct db_stmt *q, const struct db_arg *args, size_t n)
{
    unbind(q);
    bind_all(q, args, n);
}

void
db_stmt_free(struct db_stmt *q)
{
    if (!q)
        return;
    assert(q->in_use);
    q->conn->n_in_use--;
    q->in_use = false;
    if (q->kept) {
        unbind(q);
        return;
    }
    (void) sqlite3_finalize(q->s);
    free(q);
}

void
db_stmt_free_all(struct db_conn *c)
{
    assert(c->n_in_use == 0);
    for (size_t i = 0; i < DB_STMT_BUCKETS; i++) {
        while (c->stmts[i]) {
            struct db_stmt *q = c->stmts[i];

            c->stmts[i] = q->next;
            (void) sqlite3_finalize(q->s);
            free(q);
        }
    }
    c->n_stmts = 0;
}

int64_t
db_stmt_int(struct db_stmt *q, int col)
{
    return sqlite3_column_int64(q->s, col);
}

const char *
db_stmt_text(struct db_stmt *q, int col)
{
    const char *s = (const char *) sqlite3_column_text(q->s, col);

    return s ? s : "";
}

const void *
db_stmt_blob(struct db_stmt *q, int col, size_t *ret_n)
{
    const void *p = sqlite3_column_blob(q->s, col);

    *ret_n = (size_t) sqlite3_column_bytes(q->s, col);
    return p ? p : "";
}

bool
db_stmt_is_null(struct db_stmt *q, int col)
{
    return sqlite3_column_type(q->s, col) == SQLITE_NULL;
}

int64_t
db_last_id(struct db_txn *t)
{
    return sqlite3_last_insert_rowid(t->conn->sq);
}
