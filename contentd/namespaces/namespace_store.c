/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces as rows. */
#include "namespace_store.h"

#include "contentd/store/field_mask.h"
#include "contentd/store/ident.h"

static int
get(struct db_txn *t, const char *name, struct namespace_ *ret, struct err *err)
{
    AUTO_PTR(db_stmt) q = NULL;
    int r;

    r = db_query(t, &q, err, "SELECT labels FROM namespace WHERE name = ?1", DB_TEXT(name));
    if (r == 0)
        r = db_stmt_next(q, err);
    if (r < 0)
        return r;
    if (r == 0)
        return err_set(err, CODE_NOT_FOUND, "namespace '%.100s': not found", name);
    *ret = (struct namespace_){.name = xstrdup(name), .labels = contentd_db_labels(q, 0)};
    return 0;
}

static int
put(struct db_txn *t, const struct namespace_ *n, struct err *err)
{
    size_t size;
    auto_free void *labels = contentd_db_pack_labels(&n->labels, &size);
    int r = db_run(t, err, "INSERT OR REPLACE INTO namespace VALUES (?1, ?2)", DB_TEXT(n->name),
                   DB_BLOB(labels, size));

    return r < 0 ? r : 0;
}

int
namespace_store_get(struct db *db, const char *name, struct namespace_ *ret, struct err *err)
{
    AUTO(db_txn) t = {0};
    int r;

    r = db_txn_begin(db, DB_READ, &t, err);
    if (r < 0)
        return r;
    r = get(&t, name, ret, err);
    if (r == -CODE_NOT_FOUND) {
        *ret = (struct namespace_){.name = xstrdup(name)};
        return 0;
    }
    return r;
}

/* Collected first, so that nobody sends to a slow client within a transaction. */
static int
names(struct db *db, struct strv *ret, struct err *err)
{
    AUTO(db_txn) t = {0};
    AUTO_PTR(db_stmt) q = NULL;
    int r;

    r = db_txn_begin(db, DB_READ, &t, err);
    if (r == 0)
        r = db_query(&t, &q, err, "SELECT name FROM namespace ORDER BY name");
    while (r >= 0 && (r = db_stmt_next(q, err)) > 0)
        strv_add(ret, db_stmt_text(q, 0));
    return r;
}

int
namespace_store_list(struct db *db, namespace_store_fn fn, void *arg, struct err *err)
{
    AUTO(strv) all = {0};
    int r = names(db, &all, err);

    for (size_t i = 0; r == 0 && i < all.n; i++) {
        AUTO(namespace_) n = {0};

        r = namespace_store_get(db, all.items[i], &n, err);
        if (r == 0)
            r = fn(&n, arg);
    }
    return r;
}

int
namespace_store_create(struct db *db, const struct namespace_ *n, struct err *err)
{
    AUTO(db_txn) t = {0};
    AUTO(namespace_) there = {0};
    int r;

    r = ident_check(n->name, "namespace", err);
    if (r == 0)
        r = labels_validate(&n->labels, err);
    if (r == 0)
        r = db_txn_begin(db, DB_WRITE, &t, err);
    if (r < 0)
        return r;
    r = get(&t, n->name, &there, err);
    if (r == 0)
        return err_set(err, CODE_ALREADY_EXISTS, "namespace '%s': already exists", n->name);
    if (r == -CODE_NOT_FOUND)
        r = put(&t, n, err);
    return r < 0 ? r : db_txn_commit(&t, err);
}

static int
apply(struct namespace_ *to, const struct namespace_ *from, const struct strv *mask,
      struct err *err)
{
    if (!mask || !mask->n)
        field_mask_copy_map(&to->labels, &from->labels);
    for (size_t i = 0; mask && i < mask->n; i++) {
        const char *key = field_mask_key(mask->items[i], "labels");

        if (!key)
            return field_mask_refuse(mask->items[i], "a namespace", err);
        field_mask_copy_key(&to->labels, &from->labels, key);
    }
    return labels_validate(&to->labels, err);
}

int
namespace_store_update(struct db *db, const struct namespace_ *n, const struct strv *mask,
                       struct namespace_ *ret, struct err *err)
{
    AUTO(db_txn) t = {0};
    AUTO(namespace_) stored = {0};
    int r;

    r = ident_check(n->name, "namespace", err);
    if (r == 0)
        r = db_txn_begin(db, DB_WRITE, &t, err);
    if (r == 0)
        r = get(&t, n->name, &stored, err);
    if (r == 0)
        r = apply(&stored, n, mask, err);
    if (r == 0)
        r = put(&t, &stored, err);
    if (r == 0)
        r = db_txn_commit(&t, err);
    if (r == 0)
        *ret = TAKE_STRUCT(stored);
    return r;
}

static int
count_of(struct db_txn *t, const char *sql, const char *name, int64_t *ret, struct err *err)
{
    AUTO_PTR(db_stmt) q = NULL;
    int r;

    r = db_query(t, &q, err, sql, DB_TEXT(name));
    if (r == 0)
        r = db_stmt_next(q, err);
    if (r < 0)
        return r;
    *ret = db_stmt_int(q, 0);
    return 0;
}

static int
refuse_used(struct db_txn *t, const char *name, struct err *err)
{
    static const struct {
        const char *what, *sql;
    } rows[] = {
        {"images", "SELECT count(*) FROM image WHERE ns = ?1"},
        {"blobs", "SELECT count(*) FROM content WHERE ns = ?1"},
        {"containers", "SELECT count(*) FROM container WHERE ns = ?1"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t n;
        int r = count_of(t, rows[i].sql, name, &n, err);

        if (r < 0)
            return r;
        if (n)
            return err_set(err, CODE_FAILED_PRECONDITION,
                           "namespace '%s' must be empty, but it still has %lld %s: "
                           "failed precondition",
                           name, (long long) n, rows[i].what);
    }
    return 0;
}

int
namespace_store_delete(struct db *db, const char *name, struct err *err)
{
    AUTO(db_txn) t = {0};
    AUTO(namespace_) n = {0};
    int r;

    r = ident_check(name, "namespace", err);
    if (r == 0)
        r = db_txn_begin(db, DB_WRITE, &t, err);
    if (r == 0)
        r = get(&t, name, &n, err);
    if (r == 0)
        r = refuse_used(&t, name, err);
    if (r == 0)
        r = db_run(&t, err, "DELETE FROM lease WHERE ns = ?1", DB_TEXT(name));
    if (r >= 0)
        r = db_run(&t, err, "DELETE FROM namespace WHERE name = ?1", DB_TEXT(name));
    return r < 0 ? r : db_txn_commit(&t, err);
}
