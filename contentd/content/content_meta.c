/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs and ingests as rows. */
#include "content_meta.h"

#include <string.h>

#include "contentd/leases/lease_meta.h"

static int
not_found(const struct digest *d, struct err *err)
{
    char shown[DIGEST_STR_MAX];

    return err_set(err, CODE_NOT_FOUND, "content %s: not found", digest_format(d, shown));
}

int
content_meta_info(struct db_txn *t, const char *ns, const struct digest *d,
                  struct content_info *ret, struct err *err)
{
    AUTO_PTR(db_stmt) q = NULL;
    char shown[DIGEST_STR_MAX];
    int r;

    r = db_query(t, &q, err,
                 "SELECT b.size, c.created, c.updated, c.labels FROM content c"
                 " JOIN blob b ON b.digest = c.digest WHERE c.ns = ?1 AND c.digest = ?2",
                 DB_TEXT(ns), DB_TEXT(digest_format(d, shown)));
    if (r == 0)
        r = db_stmt_next(q, err);
    if (r < 0)
        return r;
    if (r == 0)
        return not_found(d, err);
    *ret = (struct content_info){.digest = *d,
                                 .size_bytes = db_stmt_int(q, 0),
                                 .created_ns = db_stmt_int(q, 1),
                                 .updated_ns = db_stmt_int(q, 2),
                                 .labels = contentd_db_labels(q, 3)};
    return 0;
}

int
content_meta_blob(struct db_txn *t, const struct digest *d, int64_t *ret_size,
                  int64_t *ret_created_ns, struct err *err)
{
    AUTO_PTR(db_stmt) q = NULL;
    char shown[DIGEST_STR_MAX];
    int r;

    r = db_query(t, &q, err, "SELECT size, created FROM blob WHERE digest = ?1",
                 DB_TEXT(digest_format(d, shown)));
    if (r == 0)
        r = db_stmt_next(q, err);
    if (r < 0)
        return r;
    if (r == 0)
        return not_found(d, err);
    *ret_size = db_stmt_int(q, 0);
    *ret_created_ns = db_stmt_int(q, 1);
    return 0;
}

int
content_meta_add(struct db_txn *t, const char *ns, const struct content_info *info, struct err *err)
{
    char shown[DIGEST_STR_MAX];
    size_t n;
    auto_free void *labels = contentd_db_pack_labels(&info->labels, &n);
    int r;

    (void) digest_format(&info->digest, shown);
    r = contentd_db_use_ns(t, ns, err);
    if (r < 0)
        return r;
    r = db_run(t, err, "INSERT OR IGNORE INTO blob VALUES (?1, ?2, ?3)", DB_TEXT(shown),
               DB_INT(info->size_bytes), DB_INT(info->created_ns));
    if (r < 0)
        return r;
    r = db_run(t, err, "INSERT INTO content VALUES (?1, ?2, ?3, ?4, ?5)", DB_TEXT(ns),
               DB_TEXT(shown), DB_INT(info->created_ns), DB_INT(info->updated_ns),
               DB_BLOB(labels, n));
    if (r == -CODE_ALREADY_EXISTS)
        return err_set(err, CODE_ALREADY_EXISTS, "content %s: already exists", shown);
    return r < 0 ? r : 0;
}

int
content_meta_set_labels(struct db_txn *t, const char *ns, const struct digest *d,
                        const struct labels *labels, int64_t updated_ns, struct err *err)
{
    char shown[DIGEST_STR_MAX];
    size_t n;
    auto_free void *packed = contentd_db_pack_labels(labels, &n);
    int r;

    r = db_run(t, err, "UPDATE content SET labels = ?1, updated = ?2 WHERE ns = ?3 AND digest = ?4",
               DB_BLOB(packed, n), DB_INT(updated_ns), DB_TEXT(ns),
               DB_TEXT(digest_format(d, shown)));
    if (r == 0)
        return not_found(d, err);
    return r < 0 ? r : 0;
}

int
content_meta_delete(struct db_txn *t, const char *ns, const struct digest *d, bool *ret_last,
                    struct err *err)
{
    char shown[DIGEST_STR_MAX];
    int r;

    (void) digest_format(d, shown);
    r = db_run(t, err, "DELETE FROM content WHERE ns = ?1 AND digest = ?2", DB_TEXT(ns),
               DB_TEXT(shown));
    if (r == 0)
        return not_found(d, err);
    if (r < 0)
        return r;
    r = content_meta_unhold(t, ns, LEASE_CONTENT, shown, err);
    if (r < 0)
        return r;
    r = db_run(t, err,
               "DELETE FROM blob WHERE digest = ?1 AND NOT EXISTS"
               " (SELECT 1 FROM content WHERE digest = ?1)",
               DB_TEXT(shown));
    if (r < 0)
        return r;
    *ret_last = r > 0;
    return 0;
}

int
content_meta_page(struct db_txn *t, const char *ns, const char *after, struct content_info *ret,
                  size_t *ret_n, struct err *err)
{
    AUTO_PTR(db_stmt) q = NULL;
    int r;

    *ret_n = 0;
    r = db_query(t, &q, err,
                 "SELECT c.digest, b.size, c.created, c.updated, c.labels FROM content c"
                 " JOIN blob b ON b.digest = c.digest WHERE c.ns = ?1 AND c.digest > ?2"
                 " ORDER BY c.digest LIMIT ?3",
                 DB_TEXT(ns), DB_TEXT(after), DB_INT(CONTENT_PAGE));
    while (r >= 0 && (r = db_stmt_next(q, err)) > 0) {
        struct content_info *i = &ret[*ret_n];

        *i = (struct content_info){.size_bytes = db_stmt_int(q, 1),
                                   .created_ns = db_stmt_int(q, 2),
                                   .updated_ns = db_stmt_int(q, 3)};
        r = digest_parse(db_stmt_text(q, 0), &i->digest, err);
        if (r < 0)
            return err_wrap(err, r, "a row of the content table");
        i->labels = contentd_db_labels(q, 4);
        (*ret_n)++;
    }
    return r;
}

int
content_meta_unhold(struct db_txn *t, const char *ns, const char *type, const char *id,
                    struct err *err)
{
    int r = db_run(t, err, "DELETE FROM lease_resource WHERE ns = ?1 AND type = ?2 AND id = ?3",
                   DB_TEXT(ns), DB_TEXT(type), DB_TEXT(id));

    return r < 0 ? r : 0;
}

/* ---- ingests ---- */

void
ingest_row_done(struct ingest_row *row)
{
    free(row->ns);
    free(row->ref);
    free(row->boot);
    *row = (struct ingest_row){0};
}

#define INGEST_COLUMNS                                                                             \
    "id, ns, ref, total, expected, started, updated, offset, state, boot, synced_offset,"          \
    " synced_state"

static void
state_of(struct db_stmt *q, int offset_col, struct ingest_state *ret)
{
    size_t n;
    const void *p = db_stmt_blob(q, offset_col + 1, &n);

    ret->offset = db_stmt_int(q, offset_col);
    ret->n = n <= sizeof ret->state ? n : 0;
    memcpy(ret->state, p, ret->n);
}

static int
row_of(struct db_stmt *q, struct ingest_row *ret, struct err *err)
{
    AUTO(ingest_row)
    row = {.id = db_stmt_int(q, 0),
           .ns = xstrdup(db_stmt_text(q, 1)),
           .ref = xstrdup(db_stmt_text(q, 2)),
           .total = db_stmt_int(q, 3),
           .started_ns = db_stmt_int(q, 5),
           .updated_ns = db_stmt_int(q, 6),
           .boot = xstrdup(db_stmt_text(q, 9))};
    const char *expected = db_stmt_text(q, 4);
    int r = *expected ? digest_parse(expected, &row.expected, err) : 0;

    if (r < 0)
        return err_wrap(err, r, "a row of the ingest table");
    state_of(q, 7, &row.state);
    state_of(q, 10, &row.synced);
    *ret = TAKE_STRUCT(row);
    return 0;
}

int
content_meta_ingest_get(struct db_txn *t, const char *ns, const char *ref, struct ingest_row *ret,
                        struct err *err)
{
    AUTO_PTR(db_stmt) q = NULL;
    int r;

    r = db_query(t, &q, err, "SELECT " INGEST_COLUMNS " FROM ingest WHERE ns = ?1 AND ref = ?2",
                 DB_TEXT(ns), DB_TEXT(ref));
    if (r == 0)
        r = db_stmt_next(q, err);
    if (r < 0)
        return r;
    if (r == 0)
        return err_set(err, CODE_NOT_FOUND, "ref %.200s: not found", ref);
    return row_of(q, ret, err);
}

int
content_meta_ingest_put(struct db_txn *t, const struct ingest_row *row, struct err *err)
{
    char expected[DIGEST_STR_MAX];
    int r;

    r = contentd_db_use_ns(t, row->ns, err);
    if (r < 0)
        return r;
    r = db_run(t, err,
               "INSERT OR REPLACE INTO ingest (" INGEST_COLUMNS ")"
               " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
               DB_INT(row->id), DB_TEXT(row->ns), DB_TEXT(row->ref), DB_INT(row->total),
               DB_TEXT(digest_format(&row->expected, expected)), DB_INT(row->started_ns),
               DB_INT(row->updated_ns), DB_INT(row->state.offset),
               DB_BLOB(row->state.state, row->state.n), DB_TEXT(row->boot),
               DB_INT(row->synced.offset), DB_BLOB(row->synced.state, row->synced.n));
    return r < 0 ? r : 0;
}

int
content_meta_ingest_delete(struct db_txn *t, const char *ns, const char *ref, struct err *err)
{
    int r, n;

    n = db_run(t, err, "DELETE FROM ingest WHERE ns = ?1 AND ref = ?2", DB_TEXT(ns), DB_TEXT(ref));
    if (n < 0)
        return n;
    r = content_meta_unhold(t, ns, LEASE_INGESTS, ref, err);
    return r < 0 ? r : n > 0;
}

int
content_meta_ingest_page(struct db_txn *t, const char *ns, int64_t after, struct ingest_row *ret,
                         size_t *ret_n, struct err *err)
{
    AUTO_PTR(db_stmt) q = NULL;
    int r;

    *ret_n = 0;
    r = db_query(t, &q, err,
                 "SELECT " INGEST_COLUMNS " FROM ingest WHERE id > ?1 AND (?2 IS NULL OR ns = ?2)"
                 " ORDER BY id LIMIT ?3",
                 DB_INT(after), DB_TEXT(ns), DB_INT(CONTENT_PAGE));
    while (r >= 0 && (r = db_stmt_next(q, err)) > 0) {
        r = row_of(q, &ret[*ret_n], err);
        if (r == 0)
            (*ret_n)++;
    }
    return r;
}
