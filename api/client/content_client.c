/* SPDX-License-Identifier: Apache-2.0 */
/* The content contract over a channel. */
#include "content_client.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "api/wire/wire_content.h"
#include "libross/base/fd.h"
#include "services/content/v1/content.pb-c.h"

#define WRITE_CHUNK (1024 * 1024) /* data in one message */

#define MSG(name)  Containerd__Services__Content__V1__##name
#define DESC(name) containerd__services__content__v1__##name##__descriptor

struct content_client {
    struct content base;
    struct rpc_channel *ch;
    char *blobs; /* directory of the store's blobs on this machine, or NULL */
};

static struct content_client *
client_of(struct content *c)
{
    return CONTAINER_OF(c, struct content_client, base);
}

static int
invoke(struct content *c, const struct call_ctx *ctx, const char *method, const void *request,
       struct arena *arena, void **ret_reply, struct err *err)
{
    return rpc_invoke(client_of(c)->ch, ctx, &DESC(content), method, request, arena, ret_reply,
                      err);
}

/* ---- blobs ---- */

static int
client_info(struct content *c, const struct call_ctx *ctx, const struct digest *d,
            struct content_info *ret, struct err *err)
{
    AUTO(arena) a = {0};
    MSG(InfoRequest) *rq = wire_new(&a, &DESC(info_request));
    MSG(InfoResponse) * rp;
    int r;

    rq->digest = wire_digest_to(&a, d);
    r = invoke(c, ctx, "Info", rq, &a, (void **) &rp, err);
    return r < 0 ? r : wire_info_from(rp->info, ret, err);
}

static int
client_update(struct content *c, const struct call_ctx *ctx, const struct digest *d,
              const struct labels *labels, const struct strv *mask, struct content_info *ret,
              struct err *err)
{
    AUTO(arena) a = {0};
    MSG(UpdateRequest) *rq = wire_new(&a, &DESC(update_request));
    MSG(UpdateResponse) * rp;
    const struct content_info asked = {.digest = *d, .labels = *labels};
    int r;

    rq->info = wire_info_to(&a, &asked);
    rq->update_mask = wire_mask_to(&a, mask);
    r = invoke(c, ctx, "Update", rq, &a, (void **) &rp, err);
    return r < 0 ? r : wire_info_from(rp->info, ret, err);
}

static int
give_infos(const MSG(ListContentResponse) * m, content_info_fn fn, void *arg, struct err *err)
{
    for (size_t i = 0; i < m->n_info; i++) {
        AUTO(content_info) info = {0};
        int r = wire_info_from(m->info[i], &info, err);

        if (r == 0)
            r = fn(&info, arg);
        if (r < 0)
            return r;
    }
    return 0;
}

static int
client_list(struct content *c, const struct call_ctx *ctx, const struct strv *filters,
            content_info_fn fn, void *arg, struct err *err)
{
    AUTO(arena) a = {0};
    AUTO_PTR(rpc_stream) s = NULL;
    MSG(ListContentRequest) *rq = wire_new(&a, &DESC(list_content_request));
    void *m;
    int r;

    rq->filters = wire_strv_to(&a, filters, &rq->n_filters);
    r = rpc_stream_open(client_of(c)->ch, ctx, &DESC(content), "List", &s, err);
    if (r == 0)
        r = rpc_stream_send(s, rq, err);
    if (r == 0)
        r = rpc_stream_close_send(s, err);
    if (r < 0)
        return r;
    do {
        arena_reset(&a);
        r = rpc_stream_recv(s, &a, &m, err);
        if (r <= 0)
            return r;
        r = give_infos(m, fn, arg, err);
    } while (r == 0);
    return r;
}

static int
client_delete(struct content *c, const struct call_ctx *ctx, const struct digest *d,
              struct err *err)
{
    AUTO(arena) a = {0};
    MSG(DeleteContentRequest) *rq = wire_new(&a, &DESC(delete_content_request));
    void *rp;

    rq->digest = wire_digest_to(&a, d);
    return invoke(c, ctx, "Delete", rq, &a, &rp, err);
}

/* ---- reading ---- */

/*
 * A first read, and any read elsewhere, asks for just its bytes. Reading on from where the last one ended opens a
 * stream to the end of the blob, so that the bytes of a whole read come without a question each.
 */
struct client_reader {
    struct content_reader base;
    struct rpc_channel *ch;
    struct call_ctx ctx;
    char *ns;
    struct digest digest;
    struct rpc_stream *stream;
    int64_t ends_at;    /* of the blob: where the stream ends */
    int64_t at;         /* of the blob: where the next byte of the stream belongs */
    int64_t last_end;   /* where the last read ended, -1 = none yet */
    struct arena arena; /* the message that `rest` points into */
    const uint8_t *rest;
    size_t n_rest;
};

static struct client_reader *
reader_of(struct content_reader *r)
{
    return CONTAINER_OF(r, struct client_reader, base);
}

static void
end_stream(struct client_reader *r)
{
    rpc_stream_free(TAKE(r->stream));
    r->n_rest = 0;
    arena_reset(&r->arena);
}

/* size 0 = to the end. */
static int
start_stream(struct client_reader *r, int64_t offset, int64_t size, struct err *err)
{
    MSG(ReadContentRequest) rq = CONTAINERD__SERVICES__CONTENT__V1__READ_CONTENT_REQUEST__INIT;
    char shown[DIGEST_STR_MAX];
    int ret;

    end_stream(r);
    rq.digest = digest_format(&r->digest, shown);
    rq.offset = offset;
    rq.size = size;
    ret = rpc_stream_open(r->ch, &r->ctx, &DESC(content), "Read", &r->stream, err);
    if (ret == 0)
        ret = rpc_stream_send(r->stream, &rq, err);
    if (ret == 0)
        ret = rpc_stream_close_send(r->stream, err);
    r->at = offset;
    r->ends_at = size ? offset + size : r->base.size_bytes;
    return ret;
}

/* 1 when there are bytes in `rest`, 0 at the end of the stream. */
static int
fill(struct client_reader *r, struct err *err)
{
    void *m;
    int ret;

    while (!r->n_rest) {
        arena_reset(&r->arena);
        ret = rpc_stream_recv(r->stream, &r->arena, &m, err);
        if (ret <= 0)
            return ret;
        r->rest = ((MSG(ReadContentResponse) *) m)->data.data;
        r->n_rest = ((MSG(ReadContentResponse) *) m)->data.len;
    }
    return 1;
}

static ssize_t
client_pread(struct content_reader *cr, void *p, size_t n, int64_t offset, struct err *err)
{
    struct client_reader *r = reader_of(cr);
    size_t got = 0;
    int ret = 0;

    if (offset < 0)
        return err_set(err, CODE_INVALID_ARGUMENT, "offset %lld is negative", (long long) offset);
    if (n == 0 || offset >= cr->size_bytes)
        return 0;
    if (!r->stream || r->at != offset || r->at >= r->ends_at)
        ret = start_stream(r, offset, offset == r->last_end ? 0 : (int64_t) n, err);
    while (ret >= 0 && got < n && (ret = fill(r, err)) > 0) {
        size_t take = r->n_rest < n - got ? r->n_rest : n - got;

        memcpy((char *) p + got, r->rest, take);
        r->rest += take;
        r->n_rest -= take;
        r->at += (int64_t) take;
        got += take;
    }
    if (ret < 0 || got < n)
        end_stream(r);
    if (ret < 0)
        return ret;
    r->last_end = offset + (int64_t) got;
    return (ssize_t) got;
}

static void
client_reader_close(struct content_reader *cr)
{
    struct client_reader *r = reader_of(cr);

    rpc_stream_free(r->stream);
    arena_done(&r->arena);
    free(r->ns);
    free(r);
}

static const struct content_reader_ops reader_ops = {
    .pread = client_pread,
    .close = client_reader_close,
};

/* Deadline and cancellation were of the opening call; the namespace stays. */
static struct call_ctx
own_ctx(const struct call_ctx *ctx, char **ret_ns)
{
    *ret_ns = ctx && ctx->ns ? xstrdup(ctx->ns) : NULL;
    return (struct call_ctx){.ns = *ret_ns};
}

/* ---- reading where the blobs are files of this machine ---- */

static ssize_t
file_pread(struct content_reader *r, void *p, size_t n, int64_t offset, struct err *err)
{
    ssize_t got;

    if (offset < 0)
        return err_set(err, CODE_INVALID_ARGUMENT, "offset %lld is negative", (long long) offset);
    got = fd_pread_full(r->fd, p, n, offset);
    return got < 0 ? err_sys(err, errno, "read a blob") : got;
}

static void
file_close(struct content_reader *r)
{
    (void) fd_close(r->fd);
    free(r);
}

static const struct content_reader_ops file_reader_ops = {
    .pread = file_pread,
    .close = file_close,
};

/* NULL when it is not there, or not as a file that can be opened: then the service is asked. */
static struct content_reader *
open_file(const char *blobs, const struct digest *d)
{
    char hex[DIGEST_HEX_MAX];
    auto_free char *path =
        xasprintf("%s/%s/%s", blobs, digest_alg_name(d->alg), digest_hex(d, hex));
    auto_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct content_reader *r;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return NULL;
    r = xcalloc(1, sizeof *r);
    *r = (struct content_reader){
        .ops = &file_reader_ops, .size_bytes = st.st_size, .fd = TAKE_FD(fd)};
    return r;
}

static int
client_reader_open(struct content *c, const struct call_ctx *ctx, const struct digest *d,
                   struct content_reader **ret, struct err *err)
{
    AUTO(content_info) i = {0};
    struct client_reader *r;
    int ret_code;

    if (client_of(c)->blobs && (*ret = open_file(client_of(c)->blobs, d)) != NULL)
        return 0;
    ret_code = client_info(c, ctx, d, &i, err);
    if (ret_code < 0)
        return ret_code;
    r = xcalloc(1, sizeof *r);
    r->base = (struct content_reader){.ops = &reader_ops, .size_bytes = i.size_bytes, .fd = -1};
    r->ch = client_of(c)->ch;
    r->ctx = own_ctx(ctx, &r->ns);
    r->digest = *d;
    r->last_end = -1;
    *ret = &r->base;
    return 0;
}

/* ---- ingests ---- */

static int
client_status(struct content *c, const struct call_ctx *ctx, const char *ref,
              struct ingest_status *ret, struct err *err)
{
    AUTO(arena) a = {0};
    MSG(StatusRequest) *rq = wire_new(&a, &DESC(status_request));
    MSG(StatusResponse) * rp;
    int r;

    rq->ref = wire_str_to(&a, ref);
    r = invoke(c, ctx, "Status", rq, &a, (void **) &rp, err);
    return r < 0 ? r : wire_status_from(rp->status, ret, err);
}

static int
client_list_statuses(struct content *c, const struct call_ctx *ctx, const struct strv *filters,
                     ingest_status_fn fn, void *arg, struct err *err)
{
    AUTO(arena) a = {0};
    MSG(ListStatusesRequest) *rq = wire_new(&a, &DESC(list_statuses_request));
    MSG(ListStatusesResponse) * rp;
    int r;

    rq->filters = wire_strv_to(&a, filters, &rq->n_filters);
    r = invoke(c, ctx, "ListStatuses", rq, &a, (void **) &rp, err);
    for (size_t i = 0; r == 0 && i < rp->n_statuses; i++) {
        AUTO(ingest_status) s = {0};

        r = wire_status_from(rp->statuses[i], &s, err);
        if (r == 0)
            r = fn(&s, arg);
    }
    return r;
}

static int
client_abort(struct content *c, const struct call_ctx *ctx, const char *ref, struct err *err)
{
    AUTO(arena) a = {0};
    MSG(AbortRequest) *rq = wire_new(&a, &DESC(abort_request));
    void *rp;

    rq->ref = wire_str_to(&a, ref);
    return invoke(c, ctx, "Abort", rq, &a, &rp, err);
}

/* ---- writing ---- */

struct client_writer {
    struct content_writer base;
    struct rpc_stream *stream;
    bool ended; /* the server has ended the stream */
    char *ref;
    struct ingest_status last; /* of the server's last answer; no ref */
};

static struct client_writer *
writer_of(struct content_writer *w)
{
    return CONTAINER_OF(w, struct client_writer, base);
}

static int
take_answer(struct client_writer *w, const MSG(WriteContentResponse) * m, struct err *err)
{
    int r;

    assert(m);
    r = wire_digest_from(m->digest, &w->last.digest, err);
    if (r < 0)
        return err_wrap(err, r, "answer of the content store");
    w->last.offset = m->offset;
    if (m->total > 0)
        w->last.total = m->total;
    w->last.started_ns = wire_time_from(m->started_at);
    w->last.updated_ns = wire_time_from(m->updated_at);
    return 0;
}

/* One question and its answer. */
static int
ask(struct client_writer *w, const MSG(WriteContentRequest) * rq, struct err *err)
{
    AUTO(arena) a = {0};
    void *m = NULL;
    int r;

    if (w->ended)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "ref %.200s: the writer has ended: failed precondition", w->ref);
    r = rpc_stream_send(w->stream, rq, err);
    if (r == 0)
        r = rpc_stream_recv(w->stream, &a, &m, err);
    w->ended = r <= 0;
    if (r < 0)
        return r;
    if (r == 0)
        return err_set(err, CODE_INTERNAL, "ref %.200s: the content store ended the write early",
                       w->ref);
    return take_answer(w, m, err);
}

static int
write_chunk(struct client_writer *w, const void *p, size_t n, struct err *err)
{
    MSG(WriteContentRequest) rq = CONTAINERD__SERVICES__CONTENT__V1__WRITE_CONTENT_REQUEST__INIT;
    int64_t want = w->last.offset + (int64_t) n;
    int r;

    rq.action = CONTAINERD__SERVICES__CONTENT__V1__WRITE_ACTION__WRITE;
    rq.offset = w->last.offset;
    rq.data.data = (uint8_t *) (uintptr_t) p;
    rq.data.len = n;
    r = ask(w, &rq, err);
    if (r == 0 && w->last.offset != want)
        return err_set(err, CODE_INTERNAL,
                       "ref %.200s: the content store is at %lld instead of %lld", w->ref,
                       (long long) w->last.offset, (long long) want);
    return r;
}

static int
client_write(struct content_writer *cw, const void *p, size_t n, struct err *err)
{
    struct client_writer *w = writer_of(cw);
    const char *from = p;
    int r = 0;

    while (r == 0 && n) {
        size_t chunk = n < WRITE_CHUNK ? n : WRITE_CHUNK;

        r = write_chunk(w, from, chunk, err);
        from += chunk;
        n -= chunk;
    }
    return r;
}

static int
client_writer_status(struct content_writer *cw, struct ingest_status *ret, struct err *err)
{
    struct client_writer *w = writer_of(cw);

    (void) err;
    *ret = w->last;
    ret->ref = xstrdup(w->ref);
    return 0;
}

/* A write of nothing at offset 0 truncates. */
static int
client_truncate(struct content_writer *cw, int64_t size, struct err *err)
{
    MSG(WriteContentRequest) rq = CONTAINERD__SERVICES__CONTENT__V1__WRITE_CONTENT_REQUEST__INIT;
    struct client_writer *w = writer_of(cw);

    if (size == w->last.offset)
        return 0;
    if (size != 0)
        return err_set(err, CODE_INVALID_ARGUMENT, "cannot truncate to %lld, only to 0",
                       (long long) size);
    rq.action = CONTAINERD__SERVICES__CONTENT__V1__WRITE_ACTION__WRITE;
    return ask(w, &rq, err);
}

static int
client_commit(struct content_writer *cw, int64_t size, const struct digest *expected,
              const struct labels *labels, struct err *err)
{
    AUTO(arena) a = {0};
    MSG(WriteContentRequest) rq = CONTAINERD__SERVICES__CONTENT__V1__WRITE_CONTENT_REQUEST__INIT;
    struct client_writer *w = writer_of(cw);
    int r;

    rq.action = CONTAINERD__SERVICES__CONTENT__V1__WRITE_ACTION__COMMIT;
    rq.offset = w->last.offset;
    rq.total = size;
    if (expected)
        rq.expected = wire_digest_to(&a, expected);
    if (labels)
        rq.labels = (MSG(WriteContentRequest__LabelsEntry) **) wire_labels_to(
            &a, labels, &DESC(write_content_request__labels_entry), &rq.n_labels);
    r = ask(w, &rq, err);
    if (r < 0)
        return r;
    /* containerd says it twice. */
    while (!w->ended) {
        void *m;

        r = rpc_stream_recv(w->stream, &a, &m, err);
        w->ended = r <= 0;
    }
    return r;
}

/* Waits for the server's end, so that the ref can be opened again at once. */
static void
client_writer_close(struct content_writer *cw)
{
    AUTO(arena) a = {0};
    struct client_writer *w = writer_of(cw);
    void *m;

    if (w->stream && !w->ended && rpc_stream_close_send(w->stream, NULL) == 0)
        while (rpc_stream_recv(w->stream, &a, &m, NULL) > 0)
            arena_reset(&a);
    rpc_stream_free(w->stream);
    free(w->ref);
    free(w);
}

static const struct content_writer_ops writer_ops = {
    .write = client_write,
    .status = client_writer_status,
    .truncate = client_truncate,
    .commit = client_commit,
    .close = client_writer_close,
};

static int
client_writer_open(struct content *c, const struct call_ctx *ctx,
                   const struct content_writer_open *open, struct content_writer **ret,
                   struct err *err)
{
    AUTO(arena) a = {0};
    MSG(WriteContentRequest) rq = CONTAINERD__SERVICES__CONTENT__V1__WRITE_CONTENT_REQUEST__INIT;
    struct client_writer *w = xcalloc(1, sizeof *w);
    int r;

    w->base.ops = &writer_ops;
    w->ref = xstrdup(open->ref ? open->ref : "");
    w->last.total = open->total;
    if (open->expected)
        w->last.expected = *open->expected;
    rq.action = CONTAINERD__SERVICES__CONTENT__V1__WRITE_ACTION__STAT;
    rq.ref = w->ref;
    rq.total = open->total;
    rq.expected = wire_digest_to(&a, &w->last.expected);
    r = rpc_stream_open(client_of(c)->ch, ctx, &DESC(content), "Write", &w->stream, err);
    if (r == 0)
        r = ask(w, &rq, err);
    if (r < 0) {
        client_writer_close(&w->base);
        return r;
    }
    *ret = &w->base;
    return 0;
}

static void
client_free(struct content *c)
{
    free(client_of(c)->blobs);
    free(client_of(c));
}

static const struct content_ops client_ops = {
    .info = client_info,
    .update = client_update,
    .list = client_list,
    .delete = client_delete,
    .reader_open = client_reader_open,
    .status = client_status,
    .list_statuses = client_list_statuses,
    .abort = client_abort,
    .writer_open = client_writer_open,
    .free = client_free,
};

void
content_client_read_files(struct content *c, const char *blobs)
{
    free(client_of(c)->blobs);
    client_of(c)->blobs = xstrdup(blobs);
}

struct content *
content_client_new(struct rpc_channel *ch)
{
    struct content_client *c = xcalloc(1, sizeof *c);

    c->base.ops = &client_ops;
    c->ch = ch;
    return &c->base;
}
