/* SPDX-License-Identifier: Apache-2.0 */
/* The content contract over files and database, but for writing (content_writer.c). */
#include "content_local.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "content_store.h"
#include "contentd/store/ident.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/filter/filter.h"

static struct content_local *
local_of(struct content *c)
{
    return CONTAINER_OF(c, struct content_local, base);
}

int
content_local_ns(const struct content_local *l, const struct call_ctx *ctx, const char **ret_ns,
                 struct err *err)
{
    *ret_ns = "";
    if (l->plain || !ctx || !ctx->ns || !*ctx->ns)
        return 0;
    return ident_ns(ctx, ret_ns, err);
}

/* ---- blobs ---- */

static int
find_row(struct content_store *s, const char *ns, const struct digest *d, struct content_info *ret,
         bool *ret_others, struct err *err)
{
    AUTO(db_txn) t = {0};
    int r;

    r = db_txn_begin(s->db, DB_READ, &t, err);
    if (r < 0)
        return r;
    r = content_meta_info(&t, ns, d, ret, err);
    if (r == -CODE_NOT_FOUND && !*ns) {
        *ret = (struct content_info){.digest = *d};
        *ret_others = content_meta_blob(&t, d, &ret->size_bytes, &ret->created_ns, err) == 0;
    }
    return r;
}

/* From now on the blob stays for the plain view: somebody there has seen it and may rely on it. */
static int
take_up(struct content_store *s, struct content_info *info, struct err *err)
{
    AUTO(db_txn) t = {0};
    int64_t size, created;
    int r;

    info->updated_ns = info->created_ns;
    r = db_txn_begin(s->db, DB_WRITE, &t, err);
    if (r == 0)
        r = content_meta_blob(&t, &info->digest, &size, &created, err);
    if (r == 0)
        r = content_meta_add(&t, "", info, err);
    if (r == -CODE_ALREADY_EXISTS)
        return 0; /* somebody else was faster */
    return r < 0 ? r : db_txn_commit(&t, err);
}

int
content_local_find(struct content_store *s, const char *ns, const struct digest *d,
                   struct content_info *ret, struct err *err)
{
    AUTO(content_info) i = {0};
    bool others = false;
    int r;

    r = find_row(s, ns, d, &i, &others, err);
    if (r == -CODE_NOT_FOUND && others)
        r = take_up(s, &i, err);
    if (r == 0)
        *ret = TAKE_STRUCT(i);
    return r;
}

static int
local_info(struct content *c, const struct call_ctx *ctx, const struct digest *d,
           struct content_info *ret, struct err *err)
{
    struct content_local *l = local_of(c);
    const char *ns;
    int r;

    r = content_local_ns(l, ctx, &ns, err);
    return r < 0 ? r : content_local_find(l->store, ns, d, ret, err);
}

static int
local_update(struct content *c, const struct call_ctx *ctx, const struct digest *d,
             const struct labels *labels, const struct strv *mask, struct content_info *ret,
             struct err *err)
{
    struct content_local *l = local_of(c);
    AUTO(content_info) i = {0};
    AUTO(db_txn) t = {0};
    const char *ns;
    int r;

    r = content_local_ns(l, ctx, &ns, err);
    if (r == 0)
        r = db_txn_begin(l->store->db, DB_WRITE, &t, err);
    if (r == 0)
        r = content_meta_info(&t, ns, d, &i, err);
    if (r == 0)
        r = labels_apply_mask(&i.labels, labels, mask, err);
    if (r == 0)
        r = labels_validate(&i.labels, err);
    if (r < 0)
        return r;
    i.updated_ns = clock_now_ns();
    r = content_meta_set_labels(&t, ns, d, &i.labels, i.updated_ns, err);
    if (r == 0)
        r = db_txn_commit(&t, err);
    if (r == 0)
        *ret = TAKE_STRUCT(i);
    return r;
}

struct info_object {
    const struct content_info *info;
    char digest[DIGEST_STR_MAX];
};

static const char *
info_field(const void *object, const struct filter_path *path)
{
    const struct info_object *o = object;

    if (path->n == 1 && !strcmp(path->parts[0], "digest"))
        return o->digest;
    if (path->n > 1 && !strcmp(path->parts[0], "labels"))
        return labels_find(&o->info->labels, path->rest);
    return NULL;
}

static int
info_page(struct content_store *s, const char *ns, const char *after, struct content_info *ret,
          size_t *ret_n, struct err *err)
{
    AUTO(db_txn) t = {0};
    int r = db_txn_begin(s->db, DB_READ, &t, err);

    return r < 0 ? r : content_meta_page(&t, ns, after, ret, ret_n, err);
}

static int
local_list(struct content *c, const struct call_ctx *ctx, const struct strv *filters,
           content_info_fn fn, void *arg, struct err *err)
{
    struct content_local *l = local_of(c);
    auto_free struct content_info *page = xcalloc(CONTENT_PAGE, sizeof *page);
    AUTO_PTR(filter) filter = NULL;
    struct info_object o = {0};
    const char *ns;
    size_t n = 0;
    int r;

    r = content_local_ns(l, ctx, &ns, err);
    if (r == 0)
        r = filter_parse_all(filters, &filter, err);
    if (r < 0)
        return r;
    do {
        r = info_page(l->store, ns, o.digest, page, &n, err);
        for (size_t i = 0; i < n; i++) {
            o.info = &page[i];
            (void) digest_format(&page[i].digest, o.digest);
            if (r == 0 && filter_match(filter, info_field, &o))
                r = fn(&page[i], arg);
            content_info_done(&page[i]);
        }
    } while (r == 0 && n == CONTENT_PAGE);
    return r;
}

static int
local_delete(struct content *c, const struct call_ctx *ctx, const struct digest *d, struct err *err)
{
    struct content_local *l = local_of(c);
    struct err e = {0};
    const char *ns;
    bool last;
    int r;

    r = content_local_ns(l, ctx, &ns, err);
    if (r < 0)
        return r;
    r = content_store_delete(l->store, ns, d, &last, &e);
    if (r == -CODE_NOT_FOUND && !*ns)
        return 0;
    if (r < 0 && err)
        *err = e;
    return r;
}

/* ---- reading ---- */

struct local_reader {
    struct content_reader base;
    struct digest digest;
};

static ssize_t
local_pread(struct content_reader *r, void *p, size_t n, int64_t offset, struct err *err)
{
    char shown[DIGEST_STR_MAX];
    ssize_t got = fd_pread_full(r->fd, p, n, offset);

    if (got < 0)
        return err_sys(err, errno, "read content %s",
                       digest_format(&CONTAINER_OF(r, struct local_reader, base)->digest, shown));
    return got;
}

static void
local_reader_close(struct content_reader *r)
{
    (void) fd_close(r->fd);
    free(CONTAINER_OF(r, struct local_reader, base));
}

static const struct content_reader_ops local_reader_ops = {
    .pread = local_pread,
    .close = local_reader_close,
};

static int
local_reader_open(struct content *c, const struct call_ctx *ctx, const struct digest *d,
                  struct content_reader **ret, struct err *err)
{
    struct content_local *l = local_of(c);
    AUTO(content_info) i = {0};
    struct local_reader *reader;
    char shown[DIGEST_STR_MAX];
    int64_t size;
    int fd, r;

    r = local_info(c, ctx, d, &i, err);
    if (r == 0)
        r = blob_store_read(l->store->files, d, &fd, &size, err);
    if (r != 0)
        return r;
    if (size != i.size_bytes) {
        (void) fd_close(fd);
        return err_set(err, CODE_DATA_LOSS, "content %s has %lld bytes instead of %lld",
                       digest_format(d, shown), (long long) size, (long long) i.size_bytes);
    }
    r = content_store_verify(l->store, d, fd, err);
    if (r < 0) {
        (void) fd_close(fd);
        return r;
    }
    reader = xcalloc(1, sizeof *reader);
    reader->base = (struct content_reader){.ops = &local_reader_ops, .size_bytes = size, .fd = fd};
    reader->digest = *d;
    *ret = &reader->base;
    return 0;
}

/* ---- ingests ---- */

static struct ingest_status
status_of_row(struct ingest_row *row)
{
    return (struct ingest_status){.ref = TAKE(row->ref),
                                  .offset = row->state.offset,
                                  .total = row->total,
                                  .expected = row->expected,
                                  .started_ns = row->started_ns,
                                  .updated_ns = row->updated_ns};
}

static int
local_status(struct content *c, const struct call_ctx *ctx, const char *ref,
             struct ingest_status *ret, struct err *err)
{
    struct content_local *l = local_of(c);
    AUTO(ingest_row) row = {0};
    AUTO(db_txn) t = {0};
    const char *ns;
    int r;

    r = content_local_ns(l, ctx, &ns, err);
    if (r < 0)
        return r;
    if (ingest_table_status(l->store->open, ns, ref, ret))
        return 0;
    r = db_txn_begin(l->store->db, DB_READ, &t, err);
    if (r == 0)
        r = content_meta_ingest_get(&t, ns, ref, &row, err);
    if (r == 0)
        *ret = status_of_row(&row);
    return r;
}

static const char *
status_field(const void *object, const struct filter_path *path)
{
    const struct ingest_status *s = object;

    return path->n == 1 && !strcmp(path->parts[0], "ref") ? s->ref : NULL;
}

static int
ingest_page(struct content_store *s, const char *ns, int64_t after, struct ingest_row *ret,
            size_t *ret_n, struct err *err)
{
    AUTO(db_txn) t = {0};
    int r = db_txn_begin(s->db, DB_READ, &t, err);

    return r < 0 ? r : content_meta_ingest_page(&t, ns, after, ret, ret_n, err);
}

struct status_listing {
    const struct filter *filter;
    ingest_status_fn fn;
    void *arg;
};

static int
give_status(const struct status_listing *o, const struct ingest_status *s)
{
    return filter_match(o->filter, status_field, s) ? o->fn(s, o->arg) : 0;
}

static int
list_open(struct content_store *s, const char *ns, const struct strv *refs,
          const struct status_listing *o)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < refs->n; i++) {
        AUTO(ingest_status) st = {0};

        if (ingest_table_status(s->open, ns, refs->items[i], &st))
            r = give_status(o, &st);
    }
    return r;
}

static int
list_rows(struct content_store *s, const char *ns, const struct strv *but,
          const struct status_listing *o, struct err *err)
{
    auto_free struct ingest_row *page = xcalloc(CONTENT_PAGE, sizeof *page);
    int64_t after = 0;
    size_t n;
    int r;

    do {
        n = 0;
        r = ingest_page(s, ns, after, page, &n, err);
        for (size_t i = 0; i < n; i++) {
            after = page[i].id;
            if (r == 0 && !strv_has(but, page[i].ref)) {
                AUTO(ingest_status) st = status_of_row(&page[i]);

                r = give_status(o, &st);
            }
            ingest_row_done(&page[i]);
        }
    } while (r == 0 && n == CONTENT_PAGE);
    return r;
}

static int
local_list_statuses(struct content *c, const struct call_ctx *ctx, const struct strv *filters,
                    ingest_status_fn fn, void *arg, struct err *err)
{
    struct content_local *l = local_of(c);
    AUTO_PTR(filter) filter = NULL;
    AUTO(strv) open = {0};
    struct status_listing o = {.fn = fn, .arg = arg};
    const char *ns;
    int r;

    r = content_local_ns(l, ctx, &ns, err);
    if (r == 0)
        r = filter_parse_all(filters, &filter, err);
    if (r < 0)
        return r;
    o.filter = filter;
    open = ingest_table_refs(l->store->open, ns);
    r = list_open(l->store, ns, &open, &o);
    return r < 0 ? r : list_rows(l->store, ns, &open, &o, err);
}

static int
local_abort(struct content *c, const struct call_ctx *ctx, const char *ref, struct err *err)
{
    struct content_local *l = local_of(c);
    const char *ns;
    bool found;
    int r;

    r = content_local_ns(l, ctx, &ns, err);
    if (r == 0)
        r = content_store_abort(l->store, ns, ref, &found, err);
    if (r != 0)
        return r;
    if (!found && *ns)
        return err_set(err, CODE_NOT_FOUND, "ref %.200s: not found", ref);
    return 0;
}

static void
local_free(struct content *c)
{
    free(local_of(c));
}

static const struct content_ops local_ops = {
    .info = local_info,
    .update = local_update,
    .list = local_list,
    .delete = local_delete,
    .reader_open = local_reader_open,
    .status = local_status,
    .list_statuses = local_list_statuses,
    .abort = local_abort,
    .writer_open = content_local_writer_open,
    .free = local_free,
};

struct content *
content_local_new(struct content_store *s, bool plain)
{
    struct content_local *l = xcalloc(1, sizeof *l);

    l->base.ops = &local_ops;
    l->store = s;
    l->plain = plain;
    return &l->base;
}
