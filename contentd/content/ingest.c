/* SPDX-License-Identifier: Apache-2.0 */
/* The data of one write. */
#include "ingest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libross/base/fault.h"
#include "libross/base/fd.h"

#define WRITEBACK_STEP (8 * 1024 * 1024)
#define REHASH_CHUNK   (1024 * 1024)
#define SIDE_WRITE_MIN (128 * 1024) /* less is written faster than handed over */

struct ingest {
    struct side_write *side;
    int fd;
    int64_t id;
    int64_t offset;
    int64_t writeback_from; /* the kernel has been told to write what lies before */
    bool synced;            /* nothing was written since the last sync */
    struct hasher *hasher;
};

static atomic_int_fast64_t rehashed_bytes;

int64_t
ingest_rehashed_bytes(void)
{
    return atomic_load(&rehashed_bytes);
}

static struct ingest *
ingest_new(struct blob_store *store, int fd, int64_t id, enum digest_alg alg)
{
    struct ingest *in = xcalloc(1, sizeof *in);

    in->side = blob_store_side(store);
    in->fd = fd;
    in->id = id;
    in->hasher = hasher_new(alg);
    return in;
}

int
ingest_create(struct blob_store *store, int64_t id, enum digest_alg alg, struct ingest **ret,
              struct err *err)
{
    int fd, r;

    r = blob_store_ingest_open(store, id, true, &fd, err);
    if (r < 0)
        return r;
    *ret = ingest_new(store, fd, id, alg);
    return 0;
}

static int
load_state(struct ingest *in, const struct ingest_state *at, struct err *err)
{
    struct hasher *h = NULL;
    struct stat st;
    int r;

    if (fstat(in->fd, &st))
        return err_sys(err, errno, "stat ingest %lld", (long long) in->id);
    if (st.st_size < at->offset)
        return err_set(err, CODE_DATA_LOSS, "ingest %lld holds %lld bytes, %lld were saved",
                       (long long) in->id, (long long) st.st_size, (long long) at->offset);
    r = hasher_load(at->state, at->n, &h, err);
    if (r < 0)
        return r;
    if ((int64_t) hasher_bytes(h) != at->offset) {
        hasher_free(h);
        return err_set(err, CODE_DATA_LOSS, "the saved hash of ingest %lld is of another position",
                       (long long) in->id);
    }
    hasher_free(in->hasher);
    in->hasher = h;
    in->offset = in->writeback_from = at->offset;
    return 0;
}

int
ingest_resume(struct blob_store *store, int64_t id, const struct ingest_state *at,
              enum digest_alg alg, struct ingest **ret, struct err *err)
{
    AUTO_PTR(ingest) in = NULL;
    int fd, r;

    r = blob_store_ingest_open(store, id, false, &fd, err);
    if (r < 0)
        return r;
    in = ingest_new(store, fd, id, alg);
    if (at->n) {
        r = load_state(in, at, err);
        if (r < 0)
            return r;
    }
    if (hasher_alg(in->hasher) != alg) {
        r = ingest_rehash(in, alg, err);
        if (r < 0)
            return r;
    }
    *ret = TAKE(in);
    return 0;
}

void
ingest_free(struct ingest *in)
{
    if (!in)
        return;
    hasher_free(in->hasher);
    (void) fd_close(in->fd);
    free(in);
}

int64_t
ingest_id(const struct ingest *in)
{
    return in->id;
}

int64_t
ingest_offset(const struct ingest *in)
{
    return in->offset;
}

void
ingest_digest(const struct ingest *in, struct digest *ret)
{
    hasher_peek(in->hasher, ret);
}

/*
 * Dirty pages would pile up until the commit, which then has to wait for all of them. Asking for their write-out early
 * costs nothing here and lets the disk work while the data comes in.
 */
static void
start_writeback(struct ingest *in)
{
    if (in->offset - in->writeback_from < WRITEBACK_STEP)
        return;
    (void) sync_file_range(in->fd, in->writeback_from, in->offset - in->writeback_from,
                           SYNC_FILE_RANGE_WRITE);
    in->writeback_from = in->offset;
}

/* The file takes the bytes while they are hashed. Returns an errno, and then the hash is what it was. */
static int
write_and_hash(struct ingest *in, const void *p, size_t n)
{
    struct side_write_job *job = NULL;
    struct ingest_state before;
    int e;

    if (n >= SIDE_WRITE_MIN)
        job = side_write_start(in->side, in->fd, p, n, in->offset);
    if (!job) {
        if (fd_pwrite_all(in->fd, p, n, in->offset))
            return errno;
        hasher_update(in->hasher, p, n);
        return 0;
    }
    ingest_save(in, &before);
    hasher_update(in->hasher, p, n);
    e = side_write_wait(in->side, job);
    if (e) {
        hasher_free(TAKE(in->hasher));
        (void) hasher_load(before.state, before.n, &in->hasher, NULL);
    }
    return e;
}

int
ingest_write(struct ingest *in, const void *p, size_t n, struct err *err)
{
    int e = FAULT("content.write");

    if (!e)
        e = write_and_hash(in, p, n);
    if (e)
        return err_sys(err, e, "write ingest %lld", (long long) in->id);
    in->offset += (int64_t) n;
    in->synced = false;
    start_writeback(in);
    return 0;
}

int
ingest_reset(struct ingest *in, struct err *err)
{
    if (ftruncate(in->fd, 0))
        return err_sys(err, errno, "truncate ingest %lld", (long long) in->id);
    hasher_reset(in->hasher);
    in->offset = in->writeback_from = 0;
    in->synced = false;
    return 0;
}

void
ingest_save(const struct ingest *in, struct ingest_state *ret)
{
    ret->offset = in->offset;
    ret->n = hasher_save(in->hasher, ret->state);
}

int
ingest_sync(struct ingest *in, struct err *err)
{
    int fault = FAULT("content.sync");

    if (fault)
        return err_sys(err, fault, "sync ingest %lld", (long long) in->id);
    if (in->synced)
        return 0;
    if (fdatasync(in->fd))
        return err_sys(err, errno, "sync ingest %lld", (long long) in->id);
    in->synced = true;
    return 0;
}

int
ingest_rehash(struct ingest *in, enum digest_alg alg, struct err *err)
{
    AUTO_PTR(hasher) h = hasher_new(alg);
    auto_free char *chunk = xmalloc(REHASH_CHUNK);
    int64_t at = 0;

    while (at < in->offset) {
        size_t want = in->offset - at < REHASH_CHUNK ? (size_t) (in->offset - at) : REHASH_CHUNK;
        ssize_t n = fd_pread_full(in->fd, chunk, want, at);

        if (n < 0)
            return err_sys(err, errno, "read ingest %lld", (long long) in->id);
        if ((size_t) n < want)
            return err_set(err, CODE_DATA_LOSS, "ingest %lld is shorter than it was",
                           (long long) in->id);
        hasher_update(h, chunk, want);
        at += n;
        (void) atomic_fetch_add(&rehashed_bytes, n);
    }
    hasher_free(in->hasher);
    in->hasher = TAKE(h);
    return 0;
}

int
ingest_finish(struct ingest *in, struct err *err)
{
    int fault = FAULT("content.finish");

    if (fault)
        return err_sys(err, fault, "finish ingest %lld", (long long) in->id);
    /* A write that failed half-way, or a resume, may have left bytes behind the position. */
    if (ftruncate(in->fd, in->offset))
        return err_sys(err, errno, "truncate ingest %lld", (long long) in->id);
    if (fchmod(in->fd, 0444))
        return err_sys(err, errno, "make ingest %lld read-only", (long long) in->id);
    if (fsync(in->fd))
        return err_sys(err, errno, "sync ingest %lld", (long long) in->id);
    in->synced = true;
    return 0;
}
