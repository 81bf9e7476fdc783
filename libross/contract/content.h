/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The content contract: a content-addressed store of blobs and the ingests that become blobs (reference section 9).
 * Implementations: contentd's own (local), a gRPC client (api/client), a tracing wrapper. Callers use the
 * inline functions; a backend embeds `struct content` first and fills the table. All methods are thread safe; writers
 * and readers belong to one thread at a time.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "libross/base/call_ctx.h"
#include "libross/base/labels.h"
#include "libross/base/strv.h"
#include "libross/oci/digest.h"

#define CONTENT_READ_CHUNK (1024 * 1024) /* largest piece of one Read answer, reference 9.2 */

struct content_info {
    struct digest digest;
    int64_t size_bytes;
    int64_t created_ns, updated_ns;
    struct labels labels;
};
void content_info_done(struct content_info *i);

struct ingest_status {
    char *ref;
    int64_t offset, total;  /* total 0 = unknown */
    struct digest expected; /* may be unset */
    struct digest digest;   /* of the bytes so far; only from a writer's status */
    int64_t started_ns, updated_ns;
};
void ingest_status_done(struct ingest_status *s);

struct content;
struct content_reader;
struct content_writer;

/* Return 0 to go on, a negative code to stop the listing with it. The item is borrowed for the call. */
typedef int (*content_info_fn)(const struct content_info *info, void *arg);
typedef int (*ingest_status_fn)(const struct ingest_status *status, void *arg);

struct content_writer_open {
    const char *ref;               /* not empty */
    int64_t total;                 /* 0 = unknown */
    const struct digest *expected; /* NULL = unknown */
};

struct content_ops {
    int (*info)(struct content *c, const struct call_ctx *ctx, const struct digest *d,
                struct content_info *ret, struct err *err);
    int (*update)(struct content *c, const struct call_ctx *ctx, const struct digest *d,
                  const struct labels *labels, const struct strv *mask, struct content_info *ret,
                  struct err *err);
    int (*list)(struct content *c, const struct call_ctx *ctx, const struct strv *filters,
                content_info_fn fn, void *arg, struct err *err);
    int (*delete)(struct content *c, const struct call_ctx *ctx, const struct digest *d,
                  struct err *err);
    int (*reader_open)(struct content *c, const struct call_ctx *ctx, const struct digest *d,
                       struct content_reader **ret, struct err *err);
    int (*status)(struct content *c, const struct call_ctx *ctx, const char *ref,
                  struct ingest_status *ret, struct err *err);
    int (*list_statuses)(struct content *c, const struct call_ctx *ctx, const struct strv *filters,
                         ingest_status_fn fn, void *arg, struct err *err);
    int (*abort)(struct content *c, const struct call_ctx *ctx, const char *ref, struct err *err);
    int (*writer_open)(struct content *c, const struct call_ctx *ctx,
                       const struct content_writer_open *open, struct content_writer **ret,
                       struct err *err);
    void (*free)(struct content *c);
};

struct content {
    const struct content_ops *ops;
};

struct content_reader_ops {
    /* Up to n bytes at offset: the count, 0 at the end, negative code. */
    ssize_t (*pread)(struct content_reader *r, void *p, size_t n, int64_t offset, struct err *err);
    void (*close)(struct content_reader *r);
};

struct content_reader {
    const struct content_reader_ops *ops;
    int64_t size_bytes;
    int fd; /* borrowed fd of the blob when it is a local file, else -1 */
};

struct content_writer_ops {
    /* Appends. */
    int (*write)(struct content_writer *w, const void *p, size_t n, struct err *err);
    int (*status)(struct content_writer *w, struct ingest_status *ret, struct err *err);
    /* Only to 0 and to the current offset; others are InvalidArgument. */
    int (*truncate)(struct content_writer *w, int64_t size, struct err *err);
    /*
     * size 0 and expected NULL = not checked. AlreadyExists: the blob is there, the ingest is gone.
     * FailedPrecondition: size or digest differ, the data is kept. Durable when it returns 0.
     */
    int (*commit)(struct content_writer *w, int64_t size, const struct digest *expected,
                  const struct labels *labels, struct err *err);
    /* From now on the lease of the writer's call holds this blob, too. NotFound: there is none. NULL in clients. */
    int (*hold)(struct content_writer *w, const struct digest *d, struct err *err);
    /* Unlocks the ref; an uncommitted ingest stays for a resume. */
    void (*close)(struct content_writer *w);
};

struct content_writer {
    const struct content_writer_ops *ops;
};

/* Codes: reference 9.1 to 9.3 row by row. The `ret` values are the caller's to `_done`. */
static inline int
content_info_get(struct content *c, const struct call_ctx *ctx, const struct digest *d,
                 struct content_info *ret, struct err *err)
{
    return c->ops->info(c, ctx, d, ret, err);
}

static inline int
content_update(struct content *c, const struct call_ctx *ctx, const struct digest *d,
               const struct labels *labels, const struct strv *mask, struct content_info *ret,
               struct err *err)
{
    return c->ops->update(c, ctx, d, labels, mask, ret, err);
}

static inline int
content_list(struct content *c, const struct call_ctx *ctx, const struct strv *filters,
             content_info_fn fn, void *arg, struct err *err)
{
    return c->ops->list(c, ctx, filters, fn, arg, err);
}

static inline int
content_delete(struct content *c, const struct call_ctx *ctx, const struct digest *d,
               struct err *err)
{
    return c->ops->delete (c, ctx, d, err);
}

static inline int
content_reader_open(struct content *c, const struct call_ctx *ctx, const struct digest *d,
                    struct content_reader **ret, struct err *err)
{
    return c->ops->reader_open(c, ctx, d, ret, err);
}

static inline ssize_t
content_reader_pread(struct content_reader *r, void *p, size_t n, int64_t offset, struct err *err)
{
    return r->ops->pread(r, p, n, offset, err);
}

static inline void
content_reader_free(struct content_reader *r)
{
    if (r)
        r->ops->close(r);
}
DEFINE_AUTO_PTR(content_reader)

static inline int
content_status(struct content *c, const struct call_ctx *ctx, const char *ref,
               struct ingest_status *ret, struct err *err)
{
    return c->ops->status(c, ctx, ref, ret, err);
}

static inline int
content_list_statuses(struct content *c, const struct call_ctx *ctx, const struct strv *filters,
                      ingest_status_fn fn, void *arg, struct err *err)
{
    return c->ops->list_statuses(c, ctx, filters, fn, arg, err);
}

static inline int
content_abort(struct content *c, const struct call_ctx *ctx, const char *ref, struct err *err)
{
    return c->ops->abort(c, ctx, ref, err);
}

static inline int
content_writer_open(struct content *c, const struct call_ctx *ctx,
                    const struct content_writer_open *open, struct content_writer **ret,
                    struct err *err)
{
    return c->ops->writer_open(c, ctx, open, ret, err);
}

static inline int
content_writer_write(struct content_writer *w, const void *p, size_t n, struct err *err)
{
    return w->ops->write(w, p, n, err);
}

static inline int
content_writer_status(struct content_writer *w, struct ingest_status *ret, struct err *err)
{
    return w->ops->status(w, ret, err);
}

static inline int
content_writer_truncate(struct content_writer *w, int64_t size, struct err *err)
{
    return w->ops->truncate(w, size, err);
}

static inline int
content_writer_commit(struct content_writer *w, int64_t size, const struct digest *expected,
                      const struct labels *labels, struct err *err)
{
    return w->ops->commit(w, size, expected, labels, err);
}

static inline int
content_writer_hold(struct content_writer *w, const struct digest *d, struct err *err)
{
    return w->ops->hold ? w->ops->hold(w, d, err) : 0;
}

static inline void
content_writer_free(struct content_writer *w)
{
    if (w)
        w->ops->close(w);
}
DEFINE_AUTO_PTR(content_writer)

static inline void
content_free(struct content *c)
{
    if (c)
        c->ops->free(c);
}
DEFINE_AUTO_PTR(content)
