/* SPDX-License-Identifier: Apache-2.0 */
/* Images as rows. */
#include "image_store.h"

#include <string.h>

#include "contentd/leases/lease_meta.h"
#include "contentd/store/field_mask.h"
#include "libross/base/clock.h"
#include "libross/filter/filter.h"

#define PAGE          256
#define LABEL_EXPIRES "containerd.io/gc.expire"

static int
validate(const struct image *i, struct err *err)
{
    if (!*i->name)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "image name must not be empty: invalid argument");
    if (strlen(i->name) > IMAGE_NAME_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "image name '%.40s...' is longer than %d bytes",
                       i->name, IMAGE_NAME_MAX);
    if (!digest_is_set(&i->target.digest))
        return err_set(err, CODE_INVALID_ARGUMENT, "image '%.200s': target must have a digest",
                       i->name);
    if (i->target.size_bytes <= 0)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "image '%.200s': target size must be greater than zero", i->name);
    if (!*i->target.media_type)
        return err_set(err, CODE_INVALID_ARGUMENT, "image '%.200s': target must have a media type",
                       i->name);
    return labels_validate(&i->labels, err);
}

#define COLUMNS "name, labels, media_type, digest, size, annotations, created, updated"

static int
image_of(struct db_stmt *q, struct image *ret, struct err *err)
{
    AUTO(image)
    i = {.name = xstrdup(db_stmt_text(q, 0)),
         .labels = contentd_db_labels(q, 1),
         .target = {.media_type = xstrdup(db_stmt_text(q, 2)),
                    .size_bytes = db_stmt_int(q, 4),
                    .annotations = contentd_db_labels(q, 5)},
         .created_ns = db_stmt_int(q, 6),
         .updated_ns = db_stmt_int(q, 7)};
    int r = digest_parse(db_stmt_text(q, 3), &i.target.digest, err);

    if (r < 0)
        return err_wrap(err, r, "image '%.200s'", i.name);
    *ret = TAKE_STRUCT(i);
    return 0;
}

static int
get(struct db_txn *t, const char *ns, const char *name, struct image *ret, struct err *err)
{
    AUTO_PTR(db_stmt) q = NULL;
    int r;

    r = db_query(t, &q, err, "SELECT " COLUMNS " FROM image WHERE ns = ?1 AND name = ?2",
                 DB_TEXT(ns), DB_TEXT(name));
    if (r == 0)
        r = db_stmt_next(q, err);
    if (r < 0)
        return r;
    if (r == 0)
        return err_set(err, CODE_NOT_FOUND, "image '%.200s': not found", name);
    return image_of(q, ret, err);
}

static int
put(struct db_txn *t, const char *ns, const struct image *i, struct err *err)
{
    char digest[DIGEST_STR_MAX];
    size_t n_labels, n_annotations;
    auto_free void *labels = contentd_db_pack_labels(&i->labels, &n_labels);
    auto_free void *annotations = contentd_db_pack_labels(&i->target.annotations, &n_annotations);
    int r;

    r = db_run(t, err,
               "INSERT OR REPLACE INTO image (ns, " COLUMNS ")"
               " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
               DB_TEXT(ns), DB_TEXT(i->name), DB_BLOB(labels, n_labels),
               DB_TEXT(i->target.media_type), DB_TEXT(digest_format(&i->target.digest, digest)),
               DB_INT(i->target.size_bytes), DB_BLOB(annotations, n_annotations),
               DB_INT(i->created_ns), DB_INT(i->updated_ns));
    return r < 0 ? r : 0;
}

int
image_store_get(struct db *db, const char *ns, const char *name, struct image *ret, struct err *err)
{
    AUTO(db_txn) t = {0};
    int r = db_txn_begin(db, DB_READ, &t, err);

    return r < 0 ? r : get(&t, ns, name, ret, err);
}

static const char *
image_field(const void *object, const struct filter_path *path)
{
    static _Thread_local char digest[DIGEST_STR_MAX];
    const struct image *i = object;

    if (path->n == 1 && !strcmp(path->parts[0], "name"))
        return i->name;
    if (path->n > 1 && !strcmp(path->parts[0], "labels"))
        return labels_find(&i->labels, path->rest);
    if (path->n > 1 && !strcmp(path->parts[0], "annotations"))
        return labels_find(&i->target.annotations, path->rest);
    if (path->n != 2 || strcmp(path->parts[0], "target") != 0)
        return NULL;
    if (!strcmp(path->parts[1], "digest"))
        return digest_format(&i->target.digest, digest);
    return strcmp(path->parts[1], "mediatype") == 0 ? i->target.media_type : NULL;
}

static int
page(struct db *db, const char *ns, const char *after, struct image *ret, size_t *ret_n,
     struct err *err)
{
    AUTO(db_txn) t = {0};
    AUTO_PTR(db_stmt) q = NULL;
    int r;

    *ret_n = 0;
    r = db_txn_begin(db, DB_READ, &t, err);
    if (r == 0)
        r = db_query(&t, &q, err,
                     "SELECT " COLUMNS " FROM image WHERE ns = ?1 AND name > ?2"
                     " ORDER BY name LIMIT ?3",
                     DB_TEXT(ns), DB_TEXT(after), DB_INT(PAGE));
    while (r >= 0 && (r = db_stmt_next(q, err)) > 0) {
        r = image_of(q, &ret[*ret_n], err);
        if (r == 0)
            (*ret_n)++;
    }
    return r;
}

int
image_store_list(struct db *db, const char *ns, const struct strv *filters, image_store_fn fn,
                 void *arg, struct err *err)
{
    auto_free struct image *items = xcalloc(PAGE, sizeof *items);
    auto_free char *after = xstrdup("");
    AUTO_PTR(filter) filter = NULL;
    size_t n;
    int r;

    r = filter_parse_all(filters, &filter, err);
    if (r < 0)
        return r;
    do {
        r = page(db, ns, after, items, &n, err);
        for (size_t i = 0; i < n; i++) {
            free(after);
            after = xstrdup(items[i].name);
            if (r == 0 && filter_match(filter, image_field, &items[i]))
                r = fn(&items[i], arg);
            image_done(&items[i]);
        }
    } while (r == 0 && n == PAGE);
    return r;
}

static int
refuse_existing(struct db_txn *t, const char *ns, const char *name, struct err *err)
{
    AUTO(image) i = {0};
    int r = get(t, ns, name, &i, err);

    if (r == 0)
        return err_set(err, CODE_ALREADY_EXISTS, "image '%.200s': already exists", name);
    return r == -CODE_NOT_FOUND ? 0 : r;
}

/* Annotations and labels come as they are; platform, urls and data of the target are not kept. */
static struct image
image_clone(const struct image *i)
{
    return (struct image){.name = xstrdup(i->name),
                          .labels = labels_clone(&i->labels),
                          .target = oci_desc_clone(&i->target),
                          .created_ns = i->created_ns,
                          .updated_ns = i->updated_ns};
}

int
image_store_create(struct db *db, const char *ns, const struct call_ctx *ctx, const struct image *i,
                   int64_t now_ns, struct image *ret, struct err *err)
{
    AUTO(db_txn) t = {0};
    AUTO(image) stored = {0};
    int r;

    r = validate(i, err);
    if (r < 0)
        return r;
    stored = image_clone(i);
    stored.created_ns = stored.updated_ns = now_ns;
    r = db_txn_begin(db, DB_WRITE, &t, err);
    if (r == 0)
        r = refuse_existing(&t, ns, i->name, err);
    if (r == 0)
        r = contentd_db_use_ns(&t, ns, err);
    if (r == 0)
        r = put(&t, ns, &stored, err);
    if (r == 0 && labels_find(&stored.labels, LABEL_EXPIRES))
        r = lease_meta_hold_for_call(&t, ns, ctx, LEASE_IMAGES, i->name, err);
    if (r == 0)
        r = db_txn_commit(&t, err);
    if (r == 0)
        *ret = TAKE_STRUCT(stored);
    return r;
}

static void
set_target(struct image *to, const struct oci_desc *from)
{
    struct oci_desc copy = oci_desc_clone(from);

    oci_desc_done(&to->target);
    to->target = copy;
}

static int
apply(struct image *to, const struct image *from, const struct strv *mask, struct err *err)
{
    if (!mask || !mask->n) {
        field_mask_copy_map(&to->labels, &from->labels);
        set_target(to, &from->target);
        return 0;
    }
    for (size_t i = 0; i < mask->n; i++) {
        const char *path = mask->items[i], *key;

        if ((key = field_mask_key(path, "labels")))
            field_mask_copy_key(&to->labels, &from->labels, key);
        else if ((key = field_mask_key(path, "annotations")))
            field_mask_copy_key(&to->target.annotations, &from->target.annotations, key);
        else if (!strcmp(path, "labels"))
            field_mask_copy_map(&to->labels, &from->labels);
        else if (!strcmp(path, "annotations"))
            field_mask_copy_map(&to->target.annotations, &from->target.annotations);
        else if (!strcmp(path, "target"))
            set_target(to, &from->target);
        else
            return field_mask_refuse(path, "an image", err);
    }
    return 0;
}

int
image_store_update(struct db *db, const char *ns, const struct image *i, const struct strv *mask,
                   int64_t now_ns, struct image *ret, struct err *err)
{
    AUTO(db_txn) t = {0};
    AUTO(image) stored = {0};
    int r;

    if (!*i->name)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "image name must not be empty: invalid argument");
    r = db_txn_begin(db, DB_WRITE, &t, err);
    if (r == 0)
        r = get(&t, ns, i->name, &stored, err);
    if (r == 0)
        r = apply(&stored, i, mask, err);
    if (r == 0)
        r = validate(&stored, err);
    if (r < 0)
        return r;
    stored.updated_ns = now_ns;
    r = put(&t, ns, &stored, err);
    if (r == 0)
        r = db_txn_commit(&t, err);
    if (r == 0)
        *ret = TAKE_STRUCT(stored);
    return r;
}

int
image_store_delete(struct db *db, const char *ns, const char *name, const struct digest *target,
                   struct err *err)
{
    AUTO(db_txn) t = {0};
    AUTO(image) i = {0};
    int r;

    r = db_txn_begin(db, DB_WRITE, &t, err);
    if (r == 0)
        r = get(&t, ns, name, &i, err);
    if (r == 0 && digest_is_set(target) && !digest_equal(target, &i.target.digest))
        r = err_set(err, CODE_NOT_FOUND, "image '%.200s' has another target: not found", name);
    if (r < 0)
        return r;
    r = db_run(&t, err, "DELETE FROM image WHERE ns = ?1 AND name = ?2", DB_TEXT(ns),
               DB_TEXT(name));
    if (r < 0)
        return r;
    r = db_run(&t, err, "DELETE FROM lease_resource WHERE ns = ?1 AND type = 'images' AND id = ?2",
               DB_TEXT(ns), DB_TEXT(name));
    return r < 0 ? r : db_txn_commit(&t, err);
}
