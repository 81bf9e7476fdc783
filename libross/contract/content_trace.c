/* SPDX-License-Identifier: Apache-2.0 */
/* A wrapper of the content contract that traces. */
#include "content_trace.h"

#include "libross/base/clock.h"
#include "libross/base/log.h"

#define AREA "content"

struct content_trace {
    struct content base;
    struct content *inner;
};

static struct content *
inner_of(struct content *c)
{
    return CONTAINER_OF(c, struct content_trace, base)->inner;
}

static void
line(const char *method, const struct call_ctx *ctx, const char *what, int64_t started_ns, int r)
{
    log_trace(AREA, method, KV_STR("of", what), KV_STR("ns", ctx && ctx->ns ? ctx->ns : ""),
              KV_STR("result", code_name(r < 0 ? -r : 0)),
              KV_MS("took", clock_mono_ns() - started_ns));
}

static void
digest_line(const char *method, const struct call_ctx *ctx, const struct digest *d,
            int64_t started_ns, int r)
{
    char shown[DIGEST_STR_MAX];

    line(method, ctx, digest_format(d, shown), started_ns, r);
}

static int
trace_info(struct content *c, const struct call_ctx *ctx, const struct digest *d,
           struct content_info *ret, struct err *err)
{
    int64_t started = clock_mono_ns();
    int r = content_info_get(inner_of(c), ctx, d, ret, err);

    digest_line("info", ctx, d, started, r);
    return r;
}

static int
trace_update(struct content *c, const struct call_ctx *ctx, const struct digest *d,
             const struct labels *labels, const struct strv *mask, struct content_info *ret,
             struct err *err)
{
    int64_t started = clock_mono_ns();
    int r = content_update(inner_of(c), ctx, d, labels, mask, ret, err);

    digest_line("update", ctx, d, started, r);
    return r;
}

static int
trace_list(struct content *c, const struct call_ctx *ctx, const struct strv *filters,
           content_info_fn fn, void *arg, struct err *err)
{
    int64_t started = clock_mono_ns();
    int r = content_list(inner_of(c), ctx, filters, fn, arg, err);
    auto_free char *shown = strv_join(filters, " or ");

    line("list", ctx, shown, started, r);
    return r;
}

static int
trace_delete(struct content *c, const struct call_ctx *ctx, const struct digest *d, struct err *err)
{
    int64_t started = clock_mono_ns();
    int r = content_delete(inner_of(c), ctx, d, err);

    digest_line("delete", ctx, d, started, r);
    return r;
}

static int
trace_reader_open(struct content *c, const struct call_ctx *ctx, const struct digest *d,
                  struct content_reader **ret, struct err *err)
{
    int64_t started = clock_mono_ns();
    int r = content_reader_open(inner_of(c), ctx, d, ret, err);

    digest_line("reader_open", ctx, d, started, r);
    return r;
}

static int
trace_status(struct content *c, const struct call_ctx *ctx, const char *ref,
             struct ingest_status *ret, struct err *err)
{
    int64_t started = clock_mono_ns();
    int r = content_status(inner_of(c), ctx, ref, ret, err);

    line("status", ctx, ref, started, r);
    return r;
}

static int
trace_list_statuses(struct content *c, const struct call_ctx *ctx, const struct strv *filters,
                    ingest_status_fn fn, void *arg, struct err *err)
{
    int64_t started = clock_mono_ns();
    int r = content_list_statuses(inner_of(c), ctx, filters, fn, arg, err);

    line("list_statuses", ctx, "", started, r);
    return r;
}

static int
trace_abort(struct content *c, const struct call_ctx *ctx, const char *ref, struct err *err)
{
    int64_t started = clock_mono_ns();
    int r = content_abort(inner_of(c), ctx, ref, err);

    line("abort", ctx, ref, started, r);
    return r;
}

/* ---- writers ---- */

struct writer_trace {
    struct content_writer base;
    struct content_writer *inner;
    char *ref;
    int64_t opened_ns, bytes;
};

static struct writer_trace *
writer_of(struct content_writer *w)
{
    return CONTAINER_OF(w, struct writer_trace, base);
}

static int
trace_write(struct content_writer *w, const void *p, size_t n, struct err *err)
{
    int r = content_writer_write(writer_of(w)->inner, p, n, err);

    if (r == 0)
        writer_of(w)->bytes += (int64_t) n;
    else
        line("write", NULL, writer_of(w)->ref, writer_of(w)->opened_ns, r);
    return r;
}

static int
trace_writer_status(struct content_writer *w, struct ingest_status *ret, struct err *err)
{
    return content_writer_status(writer_of(w)->inner, ret, err);
}

static int
trace_truncate(struct content_writer *w, int64_t size, struct err *err)
{
    int64_t started = clock_mono_ns();
    int r = content_writer_truncate(writer_of(w)->inner, size, err);

    line("truncate", NULL, writer_of(w)->ref, started, r);
    return r;
}

static int
trace_hold(struct content_writer *w, const struct digest *d, struct err *err)
{
    return content_writer_hold(writer_of(w)->inner, d, err);
}

static int
trace_commit(struct content_writer *w, int64_t size, const struct digest *expected,
             const struct labels *labels, struct err *err)
{
    int64_t started = clock_mono_ns();
    int r = content_writer_commit(writer_of(w)->inner, size, expected, labels, err);

    line("commit", NULL, writer_of(w)->ref, started, r);
    return r;
}

static void
trace_close(struct content_writer *base)
{
    struct writer_trace *w = writer_of(base);

    content_writer_free(w->inner);
    log_trace(AREA, "close", KV_STR("of", w->ref), KV_INT("bytes", w->bytes),
              KV_MS("open", clock_mono_ns() - w->opened_ns));
    free(w->ref);
    free(w);
}

static const struct content_writer_ops writer_ops = {
    .write = trace_write,
    .status = trace_writer_status,
    .truncate = trace_truncate,
    .commit = trace_commit,
    .hold = trace_hold,
    .close = trace_close,
};

static int
trace_writer_open(struct content *c, const struct call_ctx *ctx,
                  const struct content_writer_open *open, struct content_writer **ret,
                  struct err *err)
{
    struct content_writer *inner = NULL;
    struct writer_trace *w;
    int64_t started = clock_mono_ns();
    int r = content_writer_open(inner_of(c), ctx, open, &inner, err);

    line("writer_open", ctx, open->ref, started, r);
    if (r < 0)
        return r;
    w = xcalloc(1, sizeof *w);
    w->base.ops = &writer_ops;
    w->inner = inner;
    w->ref = xstrdup(open->ref);
    w->opened_ns = started;
    *ret = &w->base;
    return 0;
}

static void
trace_free(struct content *c)
{
    content_free(inner_of(c));
    free(CONTAINER_OF(c, struct content_trace, base));
}

static const struct content_ops trace_ops = {
    .info = trace_info,
    .update = trace_update,
    .list = trace_list,
    .delete = trace_delete,
    .reader_open = trace_reader_open,
    .status = trace_status,
    .list_statuses = trace_list_statuses,
    .abort = trace_abort,
    .writer_open = trace_writer_open,
    .free = trace_free,
};

struct content *
content_trace_new(struct content *inner)
{
    struct content_trace *t;

    if (!log_area_on(AREA))
        return inner;
    t = xcalloc(1, sizeof *t);
    t->base.ops = &trace_ops;
    t->inner = inner;
    return &t->base;
}
