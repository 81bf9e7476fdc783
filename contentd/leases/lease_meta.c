/* SPDX-License-Identifier: Apache-2.0 */
/* Leases as rows. */
#include "lease_meta.h"

int
lease_meta_check(struct db_txn *t, const char *ns, const char *id, struct err *err)
{
    AUTO_PTR(db_stmt) q = NULL;
    int r;

    r = db_query(t, &q, err, "SELECT 1 FROM lease WHERE ns = ?1 AND id = ?2", DB_TEXT(ns),
                 DB_TEXT(id));
    if (r == 0)
        r = db_stmt_next(q, err);
    if (r == 0)
        return err_set(err, CODE_NOT_FOUND, "lease '%.200s': not found", id);
    return r < 0 ? r : 0;
}

int
lease_meta_create(struct db_txn *t, const char *ns, const struct lease *l, struct err *err)
{
    size_t n;
    auto_free void *labels = contentd_db_pack_labels(&l->labels, &n);
    int r;

    r = contentd_db_use_ns(t, ns, err);
    if (r < 0)
        return r;
    r = db_run(t, err, "INSERT INTO lease VALUES (?1, ?2, ?3, ?4)", DB_TEXT(ns), DB_TEXT(l->id),
               DB_BLOB(labels, n), DB_INT(l->created_ns));
    if (r == -CODE_ALREADY_EXISTS)
        return err_set(err, CODE_ALREADY_EXISTS, "lease '%.200s': already exists", l->id);
    return r < 0 ? r : 0;
}

int
lease_meta_delete(struct db_txn *t, const char *ns, const char *id, struct err *err)
{
    int r = db_run(t, err, "DELETE FROM lease WHERE ns = ?1 AND id = ?2", DB_TEXT(ns), DB_TEXT(id));

    if (r == 0)
        return err_set(err, CODE_NOT_FOUND, "lease '%.200s': not found", id);
    return r < 0 ? r : 0;
}

int
lease_meta_page(struct db_txn *t, const char *ns, const char *after, size_t max, struct lease *ret,
                size_t *ret_n, struct err *err)
{
    AUTO_PTR(db_stmt) q = NULL;
    int r;

    *ret_n = 0;
    r = db_query(
        t, &q, err,
        "SELECT id, labels, created FROM lease WHERE ns = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
        DB_TEXT(ns), DB_TEXT(after), DB_INT((int64_t) max));
    while (r >= 0 && (r = db_stmt_next(q, err)) > 0)
        ret[(*ret_n)++] = (struct lease){.id = xstrdup(db_stmt_text(q, 0)),
                                         .labels = contentd_db_labels(q, 1),
                                         .created_ns = db_stmt_int(q, 2)};
    return r;
}

int
lease_meta_hold(struct db_txn *t, const char *ns, const char *lease, const char *type,
                const char *id, struct err *err)
{
    int r = lease_meta_check(t, ns, lease, err);

    if (r < 0)
        return r;
    r = db_run(t, err, "INSERT OR IGNORE INTO lease_resource VALUES (?1, ?2, ?3, ?4)", DB_TEXT(ns),
               DB_TEXT(lease), DB_TEXT(type), DB_TEXT(id));
    return r < 0 ? r : 0;
}

int
lease_meta_hold_for_call(struct db_txn *t, const char *ns, const struct call_ctx *ctx,
                         const char *type, const char *id, struct err *err)
{
    if (!*ns || !ctx || !ctx->lease || !*ctx->lease)
        return 0;
    return lease_meta_hold(t, ns, ctx->lease, type, id, err);
}

int
lease_meta_drop(struct db_txn *t, const char *ns, const char *lease, const char *type,
                const char *id, struct err *err)
{
    int r = lease_meta_check(t, ns, lease, err);

    if (r < 0)
        return r;
    r = db_run(t, err,
               "DELETE FROM lease_resource WHERE ns = ?1 AND lease = ?2 AND type = ?3 AND id = ?4",
               DB_TEXT(ns), DB_TEXT(lease), DB_TEXT(type), DB_TEXT(id));
    return r < 0 ? r : 0;
}

int
lease_meta_each_resource(struct db_txn *t, const char *ns, const char *lease, lease_resource_fn fn,
                         void *arg, struct err *err)
{
    AUTO_PTR(db_stmt) q = NULL;
    int r;

    r = lease_meta_check(t, ns, lease, err);
    if (r < 0)
        return r;
    r = db_query(
        t, &q, err,
        "SELECT type, id FROM lease_resource WHERE ns = ?1 AND lease = ?2 ORDER BY type, id",
        DB_TEXT(ns), DB_TEXT(lease));
    while (r >= 0 && (r = db_stmt_next(q, err)) > 0) {
        const struct lease_resource res = {.type = (char *) db_stmt_text(q, 0),
                                           .id = (char *) db_stmt_text(q, 1)};

        r = fn(&res, arg, err);
    }
    return r;
}
