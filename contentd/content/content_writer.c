/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing to the local store.
 *
 *   open     lock the ref (in memory), then find out: AlreadyExists, a row to resume, a blob of another namespace that
 *            makes the writer complete from the start, or a new file without a row
 *   write    file and hash; every SAVE_STEP a row, so that a kill -9 loses no more than that; every SYNC_STEP the row
 *            says what a power cut cannot take
 *   commit   finish the file, rename, directory, then the rows (which delete the ingest's row), all durable
 *   close    row of what there is, unlock
 *
 * A small blob that is written in one go costs one database transaction, its commit.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "content_store.h"
#include "contentd/leases/lease_meta.h"
#include "libross/base/clock.h"
#include "libross/base/fault.h"
#include "libross/base/fd.h"
#include "libross/base/log.h"

#define SAVE_STEP (16 * 1024 * 1024)
#define SYNC_STEP (128 * 1024 * 1024)

struct local_writer {
    struct content_writer base;
    struct content_store *s;
    struct ingest_slot *slot;   /* holds the ref */
    char *lease;                /* "" when the call had none */
    struct ingest *in;          /* NULL while the writer stands for a blob of another namespace */
    struct content_info shared; /* that blob */
    struct digest expected;
    struct ingest_state synced; /* known to be on the disk */
    int64_t saved_offset;       /* what the row says, -1 = no row */
    bool committed;
    bool growing; /* readers of this host know where the bytes are */
};

static struct local_writer *
writer_of(struct content_writer *w)
{
    return CONTAINER_OF(w, struct local_writer, base);
}

static int64_t
offset_of(const struct local_writer *w)
{
    return w->in ? ingest_offset(w->in) : w->shared.size_bytes;
}

static void
digest_of(const struct local_writer *w, struct digest *ret)
{
    if (w->in)
        ingest_digest(w->in, ret);
    else
        *ret = w->shared.digest;
}

static struct call_ctx
lease_ctx(const struct local_writer *w)
{
    return (struct call_ctx){.ns = w->slot->ns, .lease = w->lease};
}

static int
gone(const struct local_writer *w, struct err *err)
{
    return err_set(err, CODE_NOT_FOUND, "ref %.200s: the ingest was aborted: not found",
                   w->slot->ref);
}

/* ---- the row ---- */

static int
save(struct local_writer *w, bool synced, struct err *err)
{
    AUTO(db_txn) t = {0};
    struct ingest_row row = {.id = ingest_id(w->in),
                             .ns = w->slot->ns,
                             .ref = w->slot->ref,
                             .total = atomic_load(&w->slot->total),
                             .expected = w->expected,
                             .started_ns = atomic_load(&w->slot->started_ns),
                             .updated_ns = atomic_load(&w->slot->updated_ns),
                             .boot = synced ? (char *) "" : w->s->boot,
                             .synced = w->synced};
    int fault = FAULT("content.save"), r;

    if (fault)
        return err_sys(err, fault, "save ref %.200s", w->slot->ref);
    ingest_save(w->in, &row.state);
    if (synced)
        row.synced = row.state;
    r = db_txn_begin(w->s->db, DB_WRITE, &t, err);
    if (r < 0)
        return r;
    if (atomic_load(&w->slot->aborted))
        return gone(w, err); /* whoever aborts sets the flag before its own transaction */
    r = content_meta_ingest_put(&t, &row, err);
    if (r == 0)
        r = db_txn_commit_lazy(&t, err);
    if (r < 0)
        return r;
    w->saved_offset = row.state.offset;
    w->synced = row.synced;
    return 0;
}

static int
save_now_and_then(struct local_writer *w, struct err *err)
{
    int64_t saved = w->saved_offset < 0 ? 0 : w->saved_offset;
    int r;

    if (offset_of(w) - saved < SAVE_STEP)
        return 0;
    if (offset_of(w) - w->synced.offset < SYNC_STEP)
        return save(w, false, err);
    r = ingest_sync(w->in, err);
    return r < 0 ? r : save(w, true, err);
}

static int
forget_row(struct local_writer *w, struct err *err)
{
    AUTO(db_txn) t = {0};
    int r;

    r = db_txn_begin(w->s->db, DB_WRITE, &t, err);
    if (r == 0)
        r = content_meta_ingest_delete(&t, w->slot->ns, w->slot->ref, err);
    return r < 0 ? r : db_txn_commit_lazy(&t, err);
}

/* The ingest has served: row first, then the file. */
static void
drop_ingest(struct local_writer *w)
{
    struct err e = {0};

    w->committed = true;
    if (forget_row(w, &e) < 0)
        log_warn("an ingest's row could not be deleted, it will expire", KV_ERR(&e));
    if (w->in && !atomic_load(&w->slot->aborted))
        (void) blob_store_ingest_remove(w->s->files, ingest_id(w->in), NULL);
}

/* ---- writing ---- */

static enum digest_alg
alg_of(const struct digest *expected)
{
    return digest_is_set(expected) ? expected->alg : DIGEST_SHA256;
}

static int
new_ingest(struct local_writer *w, struct err *err)
{
    int64_t id = atomic_fetch_add(&w->s->last_ingest_id, 1) + 1;

    return ingest_create(w->s->files, id, alg_of(&w->expected), &w->in, err);
}

/* Turns a writer that stood for another namespace's blob into one with data of its own. */
static int
copy_shared(struct local_writer *w, struct err *err)
{
    enum { CHUNK = 1024 * 1024 };
    auto_free char *chunk = xmalloc(CHUNK);
    auto_close int fd = -1;
    int64_t size, at = 0;
    int r;

    r = blob_store_read(w->s->files, &w->shared.digest, &fd, &size, err);
    if (r == 0)
        r = new_ingest(w, err);
    while (r == 0 && at < size) {
        ssize_t n = pread(fd, chunk, CHUNK, at);

        if (n < 0)
            return err_sys(err, errno, "read the blob to continue from");
        if (n == 0)
            return err_set(err, CODE_DATA_LOSS, "the blob to continue from became shorter");
        r = ingest_write(w->in, chunk, (size_t) n, err);
        at += n;
    }
    return r;
}

static void
touch(struct local_writer *w)
{
    atomic_store(&w->slot->offset, offset_of(w));
    atomic_store(&w->slot->updated_ns, clock_now_ns());
}

static int
local_write(struct content_writer *cw, const void *p, size_t n, struct err *err)
{
    struct local_writer *w = writer_of(cw);
    int r = 0;

    assert(!w->committed);
    if (n == 0)
        return 0;
    if (!w->in)
        r = copy_shared(w, err);
    if (r == 0)
        r = ingest_write(w->in, p, n, err);
    if (r < 0)
        return err_wrap(err, r, "ref %.200s", w->slot->ref);
    touch(w);
    return save_now_and_then(w, err);
}

static int
local_writer_status(struct content_writer *cw, struct ingest_status *ret, struct err *err)
{
    struct local_writer *w = writer_of(cw);

    (void) err;
    *ret = (struct ingest_status){.ref = xstrdup(w->slot->ref),
                                  .offset = offset_of(w),
                                  .total = atomic_load(&w->slot->total),
                                  .expected = w->expected,
                                  .started_ns = atomic_load(&w->slot->started_ns),
                                  .updated_ns = atomic_load(&w->slot->updated_ns)};
    digest_of(w, &ret->digest);
    return 0;
}

static int
local_truncate(struct content_writer *cw, int64_t size, struct err *err)
{
    struct local_writer *w = writer_of(cw);
    int r;

    if (size == offset_of(w))
        return 0;
    if (size != 0)
        return err_set(err, CODE_INVALID_ARGUMENT, "cannot truncate to %lld, only to 0",
                       (long long) size);
    r = w->in ? ingest_reset(w->in, err) : new_ingest(w, err);
    if (r < 0)
        return r;
    w->synced = (struct ingest_state){0};
    touch(w);
    /* The row's state is beyond the file now. */
    if (w->saved_offset > 0)
        return save(w, false, err);
    return 0;
}

/* ---- commit ---- */

static int
check_size(const struct local_writer *w, int64_t size, struct err *err)
{
    if (size > 0 && size != offset_of(w))
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "'%.200s' failed size validation: %lld != %lld: failed precondition",
                       w->slot->ref, (long long) offset_of(w), (long long) size);
    return 0;
}

static int
check_digest(struct local_writer *w, const struct digest *expected, struct digest *ret,
             struct err *err)
{
    char want[DIGEST_STR_MAX], got[DIGEST_STR_MAX];
    int r;

    digest_of(w, ret);
    if (!expected || !digest_is_set(expected))
        return 0;
    if (w->in && expected->alg != ret->alg) {
        r = ingest_rehash(w->in, expected->alg, err);
        if (r < 0)
            return r;
        digest_of(w, ret);
    }
    if (!digest_equal(ret, expected))
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "unexpected commit digest %s, expected %s: failed precondition",
                       digest_format(ret, got), digest_format(expected, want));
    return 0;
}

/* Rows of the blob, of the lease and of the ingest change together. */
static int
commit_rows(struct local_writer *w, const struct content_info *info, struct err *err)
{
    AUTO(db_txn) t = {0};
    char shown[DIGEST_STR_MAX];
    const struct call_ctx ctx = lease_ctx(w);
    int r;

    r = db_txn_begin(w->s->db, DB_WRITE, &t, err);
    if (r < 0)
        return r;
    if (w->in && atomic_load(&w->slot->aborted))
        return gone(w, err);
    r = content_meta_add(&t, w->slot->ns, info, err);
    if (r == 0)
        r = lease_meta_hold_for_call(&t, w->slot->ns, &ctx, LEASE_CONTENT,
                                     digest_format(&info->digest, shown), err);
    if (r == 0)
        r = content_meta_ingest_delete(&t, w->slot->ns, w->slot->ref, err);
    return r < 0 ? r : db_txn_commit(&t, err);
}

/* Does this view have it, does anybody? Called with the digest locked. */
static int
look_up(struct local_writer *w, const struct digest *d, bool *ret_mine, bool *ret_anybodys,
        struct err *err)
{
    AUTO(db_txn) t = {0};
    AUTO(content_info) i = {0};
    int64_t size, created;
    int r;

    *ret_mine = *ret_anybodys = false;
    r = db_txn_begin(w->s->db, DB_READ, &t, err);
    if (r < 0)
        return r;
    r = content_meta_info(&t, w->slot->ns, d, &i, err);
    *ret_mine = *ret_anybodys = r == 0;
    if (r == -CODE_NOT_FOUND) {
        r = content_meta_blob(&t, d, &size, &created, err);
        *ret_anybodys = r == 0;
    }
    return r == -CODE_NOT_FOUND ? 0 : r;
}

static int
publish(struct local_writer *w, const struct content_info *info, struct err *err)
{
    char shown[DIGEST_STR_MAX];
    bool mine, anybodys;
    int r;

    r = look_up(w, &info->digest, &mine, &anybodys, err);
    if (r < 0)
        return r;
    if (mine)
        return err_set(err, CODE_ALREADY_EXISTS, "content %s: already exists",
                       digest_format(&info->digest, shown));
    if (anybodys)
        return commit_rows(w, info, err);
    if (!w->in)
        return err_set(err, CODE_NOT_FOUND, "content %s is gone: not found",
                       digest_format(&info->digest, shown));
    if (atomic_load(&w->slot->aborted))
        return gone(w, err);
    r = blob_store_publish(w->s->files, ingest_id(w->in), &info->digest, err);
    return r < 0 ? r : commit_rows(w, info, err);
}

/*
 * The lease also holds what was there already: 1. 0: it is not there any more; a collection may come between a look and
 * this, but not between what is looked up here and the hold.
 */
static int
hold_existing(struct local_writer *w, const struct digest *d, struct err *err)
{
    AUTO(db_txn) t = {0};
    AUTO(content_info) i = {0};
    const struct call_ctx ctx = lease_ctx(w);
    char shown[DIGEST_STR_MAX];
    int r;

    r = db_txn_begin(w->s->db, *w->lease ? DB_WRITE : DB_READ, &t, err);
    if (r < 0)
        return r;
    r = content_meta_info(&t, w->slot->ns, d, &i, err);
    if (r == -CODE_NOT_FOUND)
        return 0;
    if (r == 0)
        r = lease_meta_hold_for_call(&t, w->slot->ns, &ctx, LEASE_CONTENT, digest_format(d, shown),
                                     err);
    if (r == 0)
        r = db_txn_commit_lazy(&t, err);
    return r < 0 ? r : 1;
}

static int
local_hold(struct content_writer *cw, const struct digest *d, struct err *err)
{
    int r = hold_existing(writer_of(cw), d, err);

    return r > 0 ? 0 : r < 0 ? r : -CODE_NOT_FOUND;
}

/* What is said to exist is held, or else it does not exist. */
static int
publish_or_hold(struct local_writer *w, const struct content_info *info, struct err *err)
{
    int r, held;

    do {
        if (err)
            *err = (struct err){0};
        content_store_lock_digest(w->s, &info->digest);
        r = publish(w, info, err);
        content_store_unlock_digest(w->s, &info->digest);
        held = r == -CODE_ALREADY_EXISTS ? hold_existing(w, &info->digest, err) : 1;
    } while (held == 0);
    return held < 0 ? held : r;
}

static int
local_commit(struct content_writer *cw, int64_t size, const struct digest *expected,
             const struct labels *labels, struct err *err)
{
    struct local_writer *w = writer_of(cw);
    struct content_info info = {.labels = labels ? *labels : (struct labels){0}};
    int r;

    assert(!w->committed);
    r = labels ? labels_validate(labels, err) : 0;
    if (r == 0)
        r = check_size(w, size, err);
    if (r == 0)
        r = check_digest(w, expected, &info.digest, err);
    if (r == 0 && w->in)
        r = ingest_finish(w->in, err);
    if (r < 0)
        return r;
    info.size_bytes = offset_of(w);
    info.created_ns = info.updated_ns = clock_now_ns();
    r = publish_or_hold(w, &info, err);
    if (r == 0) {
        /* When the file was another namespace's, ours is still where it was. */
        if (w->in)
            (void) blob_store_ingest_remove(w->s->files, ingest_id(w->in), NULL);
        w->committed = true;
    } else if (r == -CODE_ALREADY_EXISTS) {
        drop_ingest(w);
    }
    return r;
}

/* ---- close ---- */

static void
local_close(struct content_writer *cw)
{
    struct local_writer *w = writer_of(cw);
    struct err e = {0};

    if (w->growing)
        blob_store_growing_remove(w->s->files, ingest_id(w->in), &w->expected);
    if (w->in && !w->committed) {
        if (atomic_load(&w->slot->aborted))
            (void) blob_store_ingest_remove(w->s->files, ingest_id(w->in), NULL);
        else if (w->saved_offset != offset_of(w) && save(w, false, &e) == -CODE_NOT_FOUND)
            (void) blob_store_ingest_remove(w->s->files, ingest_id(w->in), NULL);
        else if (e.code)
            log_warn("an unfinished write could not be recorded, it will start over", KV_ERR(&e));
    }
    ingest_free(w->in);
    labels_done(&w->shared.labels);
    ingest_table_unlock(w->s->open, w->slot);
    free(w->lease);
    free(w);
}

static const struct content_writer_ops local_writer_ops = {
    .write = local_write,
    .status = local_writer_status,
    .truncate = local_truncate,
    .commit = local_commit,
    .hold = local_hold,
    .close = local_close,
};

/* ---- open ---- */

struct found {
    bool exists; /* the view has the expected blob */
    bool shared; /* another namespace has it */
    int64_t shared_size;
    bool resumes;
    struct ingest_row row;
};

static int
find_expected(struct local_writer *w, struct db_txn *t, struct found *f, struct err *err)
{
    AUTO(content_info) i = {0};
    int64_t created;
    int r;

    if (!digest_is_set(&w->expected))
        return 0;
    r = content_meta_info(t, w->slot->ns, &w->expected, &i, err);
    f->exists = r == 0;
    if (r == -CODE_NOT_FOUND) {
        r = content_meta_blob(t, &w->expected, &f->shared_size, &created, err);
        f->shared = r == 0;
    }
    return r == -CODE_NOT_FOUND ? 0 : r;
}

static int
find(struct local_writer *w, struct found *f, struct err *err)
{
    AUTO(db_txn) t = {0};
    int r;

    r = db_txn_begin(w->s->db, DB_READ, &t, err);
    if (r == 0 && *w->lease)
        r = lease_meta_check(&t, w->slot->ns, w->lease, err);
    if (r == 0)
        r = find_expected(w, &t, f, err);
    if (r < 0)
        return r;
    r = content_meta_ingest_get(&t, w->slot->ns, w->slot->ref, &f->row, err);
    f->resumes = r == 0;
    return r == -CODE_NOT_FOUND ? 0 : r;
}

/* The newer state counts while the kernel that took the data still runs, else what was synced. */
static const struct ingest_state *
state_to_resume(const struct local_writer *w, const struct ingest_row *row)
{
    if (!*row->boot || !strcmp(row->boot, w->s->boot))
        return &row->state;
    return &row->synced;
}

static int
resume(struct local_writer *w, const struct ingest_row *row, int64_t total, struct err *err)
{
    const struct ingest_state *at = state_to_resume(w, row);
    struct err e = {0};
    int r;

    if (!digest_is_set(&w->expected))
        w->expected = row->expected;
    r = ingest_resume(w->s->files, row->id, at, alg_of(&w->expected), &w->in, &e);
    if (r == 0 && total > 0 && row->total > 0 && total != row->total)
        r = ingest_reset(w->in, &e); /* another thing under the same ref */
    if (r == -CODE_NOT_FOUND || r == -CODE_DATA_LOSS) {
        log_warn("an unfinished write cannot be continued, it starts over", KV_STR("ref", row->ref),
                 KV_ERR(&e));
        (void) blob_store_ingest_remove(w->s->files, row->id, NULL);
        return new_ingest(w, err);
    }
    if (r < 0) {
        if (err)
            *err = e;
        return r;
    }
    w->synced = row->synced.offset <= ingest_offset(w->in) ? row->synced : (struct ingest_state){0};
    w->saved_offset = row->state.offset;
    if (ingest_offset(w->in)) {
        atomic_store(&w->slot->started_ns, row->started_ns);
        atomic_store(&w->slot->updated_ns, row->updated_ns);
    }
    if (row->total > 0 && !(total > 0 && total != row->total))
        atomic_store(&w->slot->total, row->total);
    return 0;
}

/* What is found to exist is held. */
static int
find_and_hold(struct local_writer *w, struct found *f, struct err *err)
{
    int r, held;

    do {
        ingest_row_done(&f->row);
        *f = (struct found){0};
        if (err)
            *err = (struct err){0};
        r = find(w, f, err);
        held = r == 0 && f->exists ? hold_existing(w, &w->expected, err) : 1;
    } while (held == 0);
    return held < 0 ? held : r;
}

static int
hold_ingest(struct local_writer *w, struct err *err)
{
    AUTO(db_txn) t = {0};
    const struct call_ctx ctx = lease_ctx(w);
    int r;

    if (!*w->lease)
        return 0;
    r = db_txn_begin(w->s->db, DB_WRITE, &t, err);
    if (r == 0)
        r = lease_meta_hold_for_call(&t, w->slot->ns, &ctx, LEASE_INGESTS, w->slot->ref, err);
    return r < 0 ? r : db_txn_commit_lazy(&t, err);
}

static int
start(struct local_writer *w, int64_t total, struct err *err)
{
    struct found f = {0};
    char shown[DIGEST_STR_MAX];
    int64_t now = clock_now_ns();
    int r;

    r = find_and_hold(w, &f, err);
    if (r == 0 && f.exists)
        r = err_set(err, CODE_ALREADY_EXISTS, "content %s: already exists",
                    digest_format(&w->expected, shown));
    if (r == 0)
        r = hold_ingest(w, err);
    if (r == 0) {
        atomic_store(&w->slot->total, total);
        atomic_store(&w->slot->started_ns, now);
        atomic_store(&w->slot->updated_ns, now);
        if (f.resumes) {
            r = resume(w, &f.row, total, err);
        } else if (f.shared && *w->slot->ns) {
            w->shared = (struct content_info){.digest = w->expected, .size_bytes = f.shared_size};
            atomic_store(&w->slot->total, f.shared_size);
        } else {
            r = new_ingest(w, err);
        }
        atomic_store(&w->slot->offset, r == 0 ? offset_of(w) : 0);
    }
    if (r == 0 && w->in && digest_is_set(&w->expected)) {
        blob_store_growing_add(w->s->files, ingest_id(w->in), &w->expected);
        w->growing = true;
    }
    ingest_row_done(&f.row);
    return r;
}

static int
check_open(const struct content_writer_open *open, struct err *err)
{
    if (!open->ref || !*open->ref)
        return err_set(err, CODE_INVALID_ARGUMENT, "ref must not be empty: invalid argument");
    if (strlen(open->ref) > CONTENT_REF_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "ref '%.40s...' is longer than %d bytes",
                       open->ref, CONTENT_REF_MAX);
    if (open->total < 0)
        return err_set(err, CODE_INVALID_ARGUMENT, "ref %.200s: total %lld is negative", open->ref,
                       (long long) open->total);
    return 0;
}

int
content_local_writer_open(struct content *c, const struct call_ctx *ctx,
                          const struct content_writer_open *open, struct content_writer **ret,
                          struct err *err)
{
    struct content_local *l = CONTAINER_OF(c, struct content_local, base);
    struct local_writer *w;
    struct ingest_slot *slot;
    const char *ns;
    int r;

    r = content_local_ns(l, ctx, &ns, err);
    if (r == 0)
        r = check_open(open, err);
    if (r == 0)
        r = ingest_table_lock(l->store->open, ns, open->ref, &slot, err);
    if (r != 0)
        return r;
    w = xcalloc(1, sizeof *w);
    w->base.ops = &local_writer_ops;
    w->s = l->store;
    w->slot = slot;
    w->lease = xstrdup(*ns && ctx->lease ? ctx->lease : "");
    w->saved_offset = -1;
    if (open->expected)
        w->expected = *open->expected;
    r = start(w, open->total, err);
    if (r < 0) {
        w->committed = true; /* nothing of ours to record */
        local_close(&w->base);
        return r;
    }
    *ret = &w->base;
    return 0;
}
