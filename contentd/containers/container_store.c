/* SPDX-License-Identifier: Apache-2.0 */
/* Containers as rows. */
#include "container_store.h"

#include <string.h>

#include "contentd/store/field_mask.h"
#include "contentd/store/ident.h"
#include "libross/base/clock.h"
#include "libross/filter/filter.h"

#define PAGE 64

static int
check_bytes(const struct container *c, const struct any_value *a, const char *what, struct err *err)
{
    if (a->n > CONTAINER_SPEC_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "container '%s': %s of %zu bytes is too large",
                       c->id, what, a->n);
    return 0;
}

static int
validate_extensions(const struct container *c, struct err *err)
{
    for (size_t i = 0; i < c->n_extensions; i++) {
        int r;

        if (!*c->extensions[i].key)
            return err_set(err, CODE_INVALID_ARGUMENT, "container '%s': an extension has no key",
                           c->id);
        if (!c->extensions[i].value.type_url)
            return err_set(err, CODE_INVALID_ARGUMENT,
                           "container '%s': extension '%.100s' is empty", c->id,
                           c->extensions[i].key);
        r = check_bytes(c, &c->extensions[i].value, "an extension", err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int
validate(const struct container *c, struct err *err)
{
    int r;

    r = ident_check(c->id, "container id", err);
    if (r == 0)
        r = labels_validate(&c->labels, err);
    if (r == 0)
        r = validate_extensions(c, err);
    if (r == 0)
        r = check_bytes(c, &c->spec, "a spec", err);
    if (r == 0)
        r = check_bytes(c, &c->runtime_options, "runtime options", err);
    if (r < 0)
        return r;
    if (!*c->runtime_name)
        return err_set(err, CODE_INVALID_ARGUMENT, "container '%s': runtime name must be set",
                       c->id);
    if (!c->spec.type_url)
        return err_set(err, CODE_INVALID_ARGUMENT, "container '%s': spec must be set", c->id);
    if (*c->snapshot_key && !*c->snapshotter)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "container '%s': a snapshot key needs a snapshotter", c->id);
    return 0;
}

/* ---- rows ---- */

#define COLUMNS                                                                                    \
    "id, labels, image, runtime, options_type, options, spec_type, spec, snapshotter,"             \
    " snapshot_key, sandbox, created, updated"

static struct any_value
any_of(struct db_stmt *q, int type_col)
{
    size_t n;
    const void *p;

    if (db_stmt_is_null(q, type_col))
        return (struct any_value){0};
    p = db_stmt_blob(q, type_col + 1, &n);
    return any_value_make(db_stmt_text(q, type_col), p, n);
}

static struct db_arg
type_arg(const struct any_value *a)
{
    return DB_TEXT(a->type_url);
}

static struct db_arg
value_arg(const struct any_value *a)
{
    return a->type_url ? DB_BLOB(a->value, a->n) : DB_NULL;
}

static int
read_extensions(struct db_txn *t, const char *ns, struct container *c, struct err *err)
{
    AUTO_PTR(db_stmt) q = NULL;
    int r;

    r = db_query(t, &q, err,
                 "SELECT key, type, value FROM container_extension"
                 " WHERE ns = ?1 AND id = ?2 ORDER BY key",
                 DB_TEXT(ns), DB_TEXT(c->id));
    while (r >= 0 && (r = db_stmt_next(q, err)) > 0) {
        c->extensions = xreallocarray(c->extensions, c->n_extensions + 1, sizeof *c->extensions);
        c->extensions[c->n_extensions++] =
            (struct container_extension){.key = xstrdup(db_stmt_text(q, 0)), .value = any_of(q, 1)};
    }
    return r;
}

static struct container
container_of_row(struct db_stmt *q)
{
    return (struct container){.id = xstrdup(db_stmt_text(q, 0)),
                              .labels = contentd_db_labels(q, 1),
                              .image = xstrdup(db_stmt_text(q, 2)),
                              .runtime_name = xstrdup(db_stmt_text(q, 3)),
                              .runtime_options = any_of(q, 4),
                              .spec = any_of(q, 6),
                              .snapshotter = xstrdup(db_stmt_text(q, 8)),
                              .snapshot_key = xstrdup(db_stmt_text(q, 9)),
                              .sandbox = xstrdup(db_stmt_text(q, 10)),
                              .created_ns = db_stmt_int(q, 11),
                              .updated_ns = db_stmt_int(q, 12)};
}

static int
get(struct db_txn *t, const char *ns, const char *id, struct container *ret, struct err *err)
{
    AUTO(container) c = {0};
    int r;

    {
        AUTO_PTR(db_stmt) q = NULL;

        r = db_query(t, &q, err, "SELECT " COLUMNS " FROM container WHERE ns = ?1 AND id = ?2",
                     DB_TEXT(ns), DB_TEXT(id));
        if (r == 0)
            r = db_stmt_next(q, err);
        if (r < 0)
            return r;
        if (r == 0)
            return err_set(err, CODE_NOT_FOUND, "container '%.100s': not found", id);
        c = container_of_row(q);
    }
    r = read_extensions(t, ns, &c, err);
    if (r == 0)
        *ret = TAKE_STRUCT(c);
    return r;
}

static int
put_extensions(struct db_txn *t, const char *ns, const struct container *c, struct err *err)
{
    int r = db_run(t, err, "DELETE FROM container_extension WHERE ns = ?1 AND id = ?2", DB_TEXT(ns),
                   DB_TEXT(c->id));

    for (size_t i = 0; r >= 0 && i < c->n_extensions; i++)
        r = db_run(t, err, "INSERT INTO container_extension VALUES (?1, ?2, ?3, ?4, ?5)",
                   DB_TEXT(ns), DB_TEXT(c->id), DB_TEXT(c->extensions[i].key),
                   type_arg(&c->extensions[i].value), value_arg(&c->extensions[i].value));
    return r < 0 ? r : 0;
}

static int
put(struct db_txn *t, const char *ns, const struct container *c, struct err *err)
{
    size_t n;
    auto_free void *labels = contentd_db_pack_labels(&c->labels, &n);
    int r;

    r = db_run(t, err,
               "INSERT OR REPLACE INTO container (ns, " COLUMNS ")"
               " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
               DB_TEXT(ns), DB_TEXT(c->id), DB_BLOB(labels, n), DB_TEXT(c->image),
               DB_TEXT(c->runtime_name), type_arg(&c->runtime_options),
               value_arg(&c->runtime_options), type_arg(&c->spec), value_arg(&c->spec),
               DB_TEXT(c->snapshotter), DB_TEXT(c->snapshot_key), DB_TEXT(c->sandbox),
               DB_INT(c->created_ns), DB_INT(c->updated_ns));
    return r < 0 ? r : put_extensions(t, ns, c, err);
}

int
container_store_get(struct db *db, const char *ns, const char *id, struct container *ret,
                    struct err *err)
{
    AUTO(db_txn) t = {0};
    int r = db_txn_begin(db, DB_READ, &t, err);

    return r < 0 ? r : get(&t, ns, id, ret, err);
}

/* ---- list ---- */

static const char *
container_field(const void *object, const struct filter_path *path)
{
    const struct container *c = object;

    if (path->n == 1 && !strcmp(path->parts[0], "id"))
        return c->id;
    if (path->n == 1 && !strcmp(path->parts[0], "image"))
        return c->image;
    if (path->n == 2 && !strcmp(path->parts[0], "runtime") && !strcmp(path->parts[1], "name"))
        return c->runtime_name;
    if (path->n > 1 && !strcmp(path->parts[0], "labels"))
        return labels_find(&c->labels, path->rest);
    return NULL;
}

static int
page_ids(struct db_txn *t, const char *ns, const char *after, struct strv *ret, struct err *err)
{
    AUTO_PTR(db_stmt) q = NULL;
    int r;

    r = db_query(t, &q, err,
                 "SELECT id FROM container WHERE ns = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
                 DB_TEXT(ns), DB_TEXT(after), DB_INT(PAGE));
    while (r >= 0 && (r = db_stmt_next(q, err)) > 0)
        strv_add(ret, db_stmt_text(q, 0));
    return r;
}

static int
page(struct db *db, const char *ns, const char *after, struct container *ret, size_t *ret_n,
     struct err *err)
{
    AUTO(db_txn) t = {0};
    AUTO(strv) ids = {0};
    int r;

    *ret_n = 0;
    r = db_txn_begin(db, DB_READ, &t, err);
    if (r == 0)
        r = page_ids(&t, ns, after, &ids, err);
    for (size_t i = 0; r == 0 && i < ids.n; i++) {
        r = get(&t, ns, ids.items[i], &ret[*ret_n], err);
        if (r == 0)
            (*ret_n)++;
    }
    return r;
}

int
container_store_list(struct db *db, const char *ns, const struct strv *filters,
                     container_store_fn fn, void *arg, struct err *err)
{
    auto_free struct container *items = xcalloc(PAGE, sizeof *items);
    AUTO_PTR(filter) filter = NULL;
    auto_free char *after = xstrdup("");
    size_t n;
    int r;

    r = filter_parse_all(filters, &filter, err);
    if (r < 0)
        return r;
    do {
        r = page(db, ns, after, items, &n, err);
        for (size_t i = 0; i < n; i++) {
            free(after);
            after = xstrdup(items[i].id);
            if (r == 0 && filter_match(filter, container_field, &items[i]))
                r = fn(&items[i], arg);
            container_done(&items[i]);
        }
    } while (r == 0 && n == PAGE);
    return r;
}

/* ---- changes ---- */

static struct container
container_clone(const struct container *c)
{
    struct container to = {.id = xstrdup(c->id),
                           .image = xstrdup(c->image),
                           .runtime_name = xstrdup(c->runtime_name),
                           .runtime_options = any_value_clone(&c->runtime_options),
                           .spec = any_value_clone(&c->spec),
                           .snapshotter = xstrdup(c->snapshotter),
                           .snapshot_key = xstrdup(c->snapshot_key),
                           .sandbox = xstrdup(c->sandbox),
                           .labels = labels_clone(&c->labels),
                           .created_ns = c->created_ns,
                           .updated_ns = c->updated_ns};

    to.extensions = xcalloc(c->n_extensions + 1, sizeof *to.extensions);
    for (size_t i = 0; i < c->n_extensions; i++)
        to.extensions[to.n_extensions++] =
            (struct container_extension){.key = xstrdup(c->extensions[i].key),
                                         .value = any_value_clone(&c->extensions[i].value)};
    return to;
}

int
container_store_create(struct db *db, const char *ns, const struct container *c,
                       struct container *ret, struct err *err)
{
    AUTO(db_txn) t = {0};
    AUTO(container) there = {0};
    AUTO(container) stored = {0};
    int r;

    r = validate(c, err);
    if (r == 0)
        r = db_txn_begin(db, DB_WRITE, &t, err);
    if (r < 0)
        return r;
    r = get(&t, ns, c->id, &there, err);
    if (r == 0)
        return err_set(err, CODE_ALREADY_EXISTS, "container '%s': already exists", c->id);
    if (r != -CODE_NOT_FOUND)
        return r;
    stored = container_clone(c);
    stored.created_ns = stored.updated_ns = clock_now_ns();
    r = contentd_db_use_ns(&t, ns, err);
    if (r == 0)
        r = put(&t, ns, &stored, err);
    if (r == 0)
        r = db_txn_commit(&t, err);
    if (r == 0)
        *ret = TAKE_STRUCT(stored);
    return r;
}

static void
set_str(char **to, const char *from)
{
    free(*to);
    *to = xstrdup(from);
}

static void
set_any(struct any_value *to, const struct any_value *from)
{
    any_value_done(to);
    *to = any_value_clone(from);
}

static void
set_extensions(struct container *to, const struct container *from)
{
    struct container copy = container_clone(from);

    for (size_t i = 0; i < to->n_extensions; i++) {
        free(to->extensions[i].key);
        any_value_done(&to->extensions[i].value);
    }
    free(to->extensions);
    to->extensions = TAKE(copy.extensions);
    to->n_extensions = copy.n_extensions;
    copy.n_extensions = 0;
    container_done(&copy);
}

static const struct any_value *
find_extension(const struct container *c, const char *key)
{
    for (size_t i = 0; i < c->n_extensions; i++)
        if (!strcmp(c->extensions[i].key, key))
            return &c->extensions[i].value;
    return NULL;
}

static void
drop_extension(struct container *c, const char *key)
{
    for (size_t i = 0; i < c->n_extensions; i++) {
        if (strcmp(c->extensions[i].key, key) != 0)
            continue;
        free(c->extensions[i].key);
        any_value_done(&c->extensions[i].value);
        c->extensions[i] = c->extensions[--c->n_extensions];
        return;
    }
}

static void
copy_extension(struct container *to, const struct container *from, const char *key)
{
    const struct any_value *value = find_extension(from, key);

    drop_extension(to, key);
    if (!value)
        return;
    to->extensions = xreallocarray(to->extensions, to->n_extensions + 1, sizeof *to->extensions);
    to->extensions[to->n_extensions++] =
        (struct container_extension){.key = xstrdup(key), .value = any_value_clone(value)};
}

/* Without a mask everything that may change is replaced, and what may not must be the same. */
static int
apply_all(struct container *to, const struct container *from, struct err *err)
{
    if (strcmp(from->snapshotter, to->snapshotter) != 0)
        return err_set(err, CODE_INVALID_ARGUMENT, "container '%s': snapshotter cannot be changed",
                       to->id);
    if (strcmp(from->runtime_name, to->runtime_name) != 0)
        return err_set(err, CODE_INVALID_ARGUMENT, "container '%s': runtime cannot be changed",
                       to->id);
    field_mask_copy_map(&to->labels, &from->labels);
    set_any(&to->spec, &from->spec);
    set_extensions(to, from);
    set_str(&to->image, from->image);
    set_str(&to->snapshot_key, from->snapshot_key);
    return 0;
}

static int
apply(struct container *to, const struct container *from, const struct strv *mask, struct err *err)
{
    if (!mask || !mask->n)
        return apply_all(to, from, err);
    for (size_t i = 0; i < mask->n; i++) {
        const char *path = mask->items[i], *key;

        if ((key = field_mask_key(path, "labels")))
            field_mask_copy_key(&to->labels, &from->labels, key);
        else if ((key = field_mask_key(path, "extensions")))
            copy_extension(to, from, key);
        else if (!strcmp(path, "labels"))
            field_mask_copy_map(&to->labels, &from->labels);
        else if (!strcmp(path, "spec"))
            set_any(&to->spec, &from->spec);
        else if (!strcmp(path, "extensions"))
            set_extensions(to, from);
        else if (!strcmp(path, "image"))
            set_str(&to->image, from->image);
        else if (!strcmp(path, "snapshotkey"))
            set_str(&to->snapshot_key, from->snapshot_key);
        else
            return field_mask_refuse(path, "a container", err);
    }
    return 0;
}

int
container_store_update(struct db *db, const char *ns, const struct container *c,
                       const struct strv *mask, struct container *ret, struct err *err)
{
    AUTO(db_txn) t = {0};
    AUTO(container) stored = {0};
    int r;

    r = db_txn_begin(db, DB_WRITE, &t, err);
    if (r == 0)
        r = get(&t, ns, c->id, &stored, err);
    if (r == 0)
        r = apply(&stored, c, mask, err);
    if (r == 0)
        r = validate(&stored, err);
    if (r < 0)
        return r;
    stored.updated_ns = clock_now_ns();
    r = put(&t, ns, &stored, err);
    if (r == 0)
        r = db_txn_commit(&t, err);
    if (r == 0)
        *ret = TAKE_STRUCT(stored);
    return r;
}

int
container_store_delete(struct db *db, const char *ns, const char *id, struct err *err)
{
    AUTO(db_txn) t = {0};
    int r;

    r = db_txn_begin(db, DB_WRITE, &t, err);
    if (r == 0)
        r = db_run(&t, err, "DELETE FROM container WHERE ns = ?1 AND id = ?2", DB_TEXT(ns),
                   DB_TEXT(id));
    if (r < 0)
        return r;
    if (r == 0)
        return err_set(err, CODE_NOT_FOUND, "container '%.100s': not found", id);
    return db_txn_commit(&t, err);
}
