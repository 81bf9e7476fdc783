/* SPDX-License-Identifier: Apache-2.0 */
/* Leases. */
#include "lease_store.h"

#include <string.h>

#include "contentd/store/ident.h"
#include "libross/base/clock.h"
#include "libross/base/random.h"
#include "libross/filter/filter.h"
#include "libross/oci/digest.h"

#define PAGE            256
#define RANDOM_ID_BYTES 16
#define LEASE_ID_MAX    1024 /* clients of the leases service may use more than identifiers */

/* ---- resources ---- */

static bool
is_snapshots(const char *type)
{
    return !strncmp(type, LEASE_SNAPSHOTS_PREFIX, strlen(LEASE_SNAPSHOTS_PREFIX));
}

int
lease_resource_check(const struct lease_resource *r, struct err *err)
{
    struct digest d;

    if (!*r->id)
        return err_set(err, CODE_INVALID_ARGUMENT, "a resource must have an id: invalid argument");
    if (strlen(r->id) > LEASE_RESOURCE_ID_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "a resource id is longer than %d bytes",
                       LEASE_RESOURCE_ID_MAX);
    if (!strcmp(r->type, LEASE_CONTENT))
        return digest_parse(r->id, &d, err);
    if (!strcmp(r->type, LEASE_INGESTS) || !strcmp(r->type, LEASE_IMAGES))
        return 0;
    if (is_snapshots(r->type)) {
        const char *name = r->type + strlen(LEASE_SNAPSHOTS_PREFIX);

        if (*name && !strchr(name, '/'))
            return 0;
        return err_set(err, CODE_INVALID_ARGUMENT, "invalid resource type '%.100s'", r->type);
    }
    if (!strcmp(r->type, "snapshots"))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "resource type 'snapshots' must name the snapshotter: 'snapshots/NAME'");
    return err_set(err, CODE_UNIMPLEMENTED, "resource type '%.100s' not supported: not implemented",
                   r->type);
}

int
lease_store_add_resource(struct db *db, const char *ns, const char *id,
                         const struct lease_resource *res, struct err *err)
{
    AUTO(db_txn) t = {0};
    int r;

    r = lease_resource_check(res, err);
    if (r == 0)
        r = db_txn_begin(db, DB_WRITE, &t, err);
    if (r == 0)
        r = lease_meta_hold(&t, ns, id, res->type, res->id, err);
    return r < 0 ? r : db_txn_commit(&t, err);
}

int
lease_store_delete_resource(struct db *db, const char *ns, const char *id,
                            const struct lease_resource *res, struct err *err)
{
    AUTO(db_txn) t = {0};
    int r;

    r = lease_resource_check(res, err);
    if (r == 0)
        r = db_txn_begin(db, DB_WRITE, &t, err);
    if (r == 0)
        r = lease_meta_drop(&t, ns, id, res->type, res->id, err);
    return r < 0 ? r : db_txn_commit(&t, err);
}

int
lease_store_list_resources(struct db *db, const char *ns, const char *id, lease_resource_fn fn,
                           void *arg, struct err *err)
{
    AUTO(db_txn) t = {0};
    int r = db_txn_begin(db, DB_READ, &t, err);

    return r < 0 ? r : lease_meta_each_resource(&t, ns, id, fn, arg, err);
}

/* ---- leases ---- */

static int
check_id(const char *id, struct err *err)
{
    if (strlen(id) > LEASE_ID_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "lease id '%.40s...' is longer than %d bytes",
                       id, LEASE_ID_MAX);
    return 0;
}

int
lease_store_create(struct db *db, const char *ns, const char *id, const struct labels *labels,
                   struct lease *ret, struct err *err)
{
    AUTO(db_txn) t = {0};
    AUTO(lease) l = {0};
    char random[2 * RANDOM_ID_BYTES + 1];
    int r;

    r = check_id(id, err);
    if (r == 0)
        r = labels_validate(labels, err);
    if (r < 0)
        return r;
    l = (struct lease){.id = xstrdup(*id ? id : random_hex(random, RANDOM_ID_BYTES)),
                       .labels = labels_clone(labels),
                       .created_ns = clock_now_ns()};
    r = db_txn_begin(db, DB_WRITE, &t, err);
    if (r == 0)
        r = lease_meta_create(&t, ns, &l, err);
    if (r == 0)
        r = db_txn_commit(&t, err);
    if (r == 0)
        *ret = TAKE_STRUCT(l);
    return r;
}

int
lease_store_delete(struct db *db, const char *ns, const char *id, struct err *err)
{
    AUTO(db_txn) t = {0};
    int r;

    r = db_txn_begin(db, DB_WRITE, &t, err);
    if (r == 0)
        r = lease_meta_delete(&t, ns, id, err);
    return r < 0 ? r : db_txn_commit(&t, err);
}

static const char *
lease_field(const void *object, const struct filter_path *path)
{
    const struct lease *l = object;

    if (path->n == 1 && !strcmp(path->parts[0], "id"))
        return l->id;
    if (path->n > 1 && !strcmp(path->parts[0], "labels"))
        return labels_find(&l->labels, path->rest);
    return NULL;
}

static int
page(struct db *db, const char *ns, const char *after, struct lease *ret, size_t *ret_n,
     struct err *err)
{
    AUTO(db_txn) t = {0};
    int r = db_txn_begin(db, DB_READ, &t, err);

    *ret_n = 0;
    return r < 0 ? r : lease_meta_page(&t, ns, after, PAGE, ret, ret_n, err);
}

int
lease_store_list(struct db *db, const char *ns, const struct strv *filters, lease_store_fn fn,
                 void *arg, struct err *err)
{
    auto_free struct lease *items = xcalloc(PAGE, sizeof *items);
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
            if (r == 0 && filter_match(filter, lease_field, &items[i]))
                r = fn(&items[i], arg);
            lease_done(&items[i]);
        }
    } while (r == 0 && n == PAGE);
    return r;
}
