/* SPDX-License-Identifier: Apache-2.0 */
/* The Content service: unpack, one call of the contract, pack. */
#include "content_service.h"

#include "api/wire/wire_content.h"
#include "google/protobuf/empty.pb-c.h"
#include "services/content/v1/content.pb-c.h"
#include "write_session.h"

#define LIST_BATCH 100 /* infos in one message of List, reference 9.1 */

typedef Containerd__Services__Content__V1__AbortRequest AbortRequest;
typedef Containerd__Services__Content__V1__DeleteContentRequest DeleteRequest;
typedef Containerd__Services__Content__V1__Info Info;
typedef Containerd__Services__Content__V1__InfoRequest InfoRequest;
typedef Containerd__Services__Content__V1__InfoResponse InfoResponse;
typedef Containerd__Services__Content__V1__ListContentRequest ListRequest;
typedef Containerd__Services__Content__V1__ListContentResponse ListResponse;
typedef Containerd__Services__Content__V1__ListStatusesRequest ListStatusesRequest;
typedef Containerd__Services__Content__V1__ListStatusesResponse ListStatusesResponse;
typedef Containerd__Services__Content__V1__ReadContentRequest ReadRequest;
typedef Containerd__Services__Content__V1__ReadContentResponse ReadResponse;
typedef Containerd__Services__Content__V1__StatusRequest StatusRequest;
typedef Containerd__Services__Content__V1__StatusResponse StatusResponse;
typedef Containerd__Services__Content__V1__UpdateRequest UpdateRequest;
typedef Containerd__Services__Content__V1__UpdateResponse UpdateResponse;
typedef Containerd__Services__Content__V1__WriteContentRequest WriteRequest;
typedef Containerd__Services__Content__V1__WriteContentResponse WriteResponse;

static int
on_info(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const InfoRequest *rq = request;
    InfoResponse *rp = reply;
    AUTO(content_info) i = {0};
    struct digest d;
    int r;

    r = digest_parse(wire_str(rq->digest), &d, err);
    if (r == 0)
        r = content_info_get(impl, rpc_call_ctx(call), &d, &i, err);
    if (r < 0)
        return r;
    rp->info = wire_info_to(rpc_call_arena(call), &i);
    return 0;
}

static int
on_update(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const UpdateRequest *rq = request;
    UpdateResponse *rp = reply;
    AUTO(content_info) asked = {0};
    AUTO(content_info) now = {0};
    AUTO(strv) mask = wire_mask_from(rq->update_mask);
    int r;

    r = wire_info_from(rq->info, &asked, err);
    if (r == 0)
        r = content_update(impl, rpc_call_ctx(call), &asked.digest, &asked.labels, &mask, &now,
                           err);
    if (r < 0)
        return r;
    rp->info = wire_info_to(rpc_call_arena(call), &now);
    return 0;
}

/* ---- List ---- */

struct batch {
    struct rpc_call *call;
    struct err *err;
    struct arena arena; /* of the infos that wait to be sent */
    Info *items[LIST_BATCH];
    size_t n;
};

static int
batch_send(struct batch *b)
{
    ListResponse rp = CONTAINERD__SERVICES__CONTENT__V1__LIST_CONTENT_RESPONSE__INIT;
    int r;

    if (!b->n)
        return 0;
    rp.info = b->items;
    rp.n_info = b->n;
    r = rpc_send(b->call, &rp, b->err);
    b->n = 0;
    arena_reset(&b->arena);
    return r;
}

static int
batch_add(const struct content_info *i, void *arg)
{
    struct batch *b = arg;

    b->items[b->n++] = wire_info_to(&b->arena, i);
    return b->n == LIST_BATCH ? batch_send(b) : 0;
}

static int
on_list(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const ListRequest *rq = request;
    struct batch b = {.call = call, .err = err};
    AUTO(strv) filters = wire_strv_from(rq->filters, rq->n_filters);
    int r;

    (void) reply;
    r = content_list(impl, rpc_call_ctx(call), &filters, batch_add, &b, err);
    if (r == 0)
        r = batch_send(&b);
    arena_done(&b.arena);
    return r;
}

static int
on_delete(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const DeleteRequest *rq = request;
    struct digest d;
    int r;

    (void) reply;
    r = digest_parse(wire_str(rq->digest), &d, err);
    return r < 0 ? r : content_delete(impl, rpc_call_ctx(call), &d, err);
}

/* ---- Read ---- */

/* The range of the blob that a request means, reference 9.2. */
static int
read_range(const ReadRequest *rq, int64_t blob_size, int64_t *ret_from, int64_t *ret_to,
           struct err *err)
{
    int64_t from = rq->offset < 0 ? 0 : rq->offset;

    if (from > blob_size)
        return err_set(err, CODE_OUT_OF_RANGE, "read past object length %lld bytes: out of range",
                       (long long) blob_size);
    *ret_from = from;
    *ret_to = rq->size <= 0 || rq->size > blob_size - from ? blob_size : from + rq->size;
    return 0;
}

static int
send_range(struct rpc_call *call, struct content_reader *reader, int64_t from, int64_t to,
           struct err *err)
{
    for (int64_t at = from; at < to;) {
        ReadResponse rp = CONTAINERD__SERVICES__CONTENT__V1__READ_CONTENT_RESPONSE__INIT;
        size_t size;
        char *chunk = rpc_send_buffer(
            call, to - at < CONTENT_READ_CHUNK ? (size_t) (to - at) : CONTENT_READ_CHUNK, &size);
        ssize_t n = content_reader_pread(reader, chunk, size, at, err);
        int r;

        if (n < 0)
            return (int) n;
        if (n == 0)
            return err_set(err, CODE_DATA_LOSS, "the blob ends at %lld instead of %lld",
                           (long long) at, (long long) to);
        rp.offset = at - from; /* counted from the start of the answer */
        rp.data.data = (uint8_t *) chunk;
        rp.data.len = (size_t) n;
        r = rpc_send(call, &rp, err);
        if (r < 0)
            return r;
        at += n;
    }
    return 0;
}

static int
on_read(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const ReadRequest *rq = request;
    AUTO_PTR(content_reader) reader = NULL;
    struct digest d;
    int64_t from = 0, to = 0;
    int r;

    (void) reply;
    r = digest_parse(wire_str(rq->digest), &d, err);
    if (r == 0)
        r = content_reader_open(impl, rpc_call_ctx(call), &d, &reader, err);
    if (r == 0)
        r = read_range(rq, reader->size_bytes, &from, &to, err);
    return r < 0 ? r : send_range(call, reader, from, to, err);
}

/* ---- ingests ---- */

static int
on_status(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const StatusRequest *rq = request;
    StatusResponse *rp = reply;
    AUTO(ingest_status) s = {0};
    int r;

    r = content_status(impl, rpc_call_ctx(call), wire_str(rq->ref), &s, err);
    if (r < 0)
        return r;
    rp->status = wire_status_to(rpc_call_arena(call), &s);
    return 0;
}

static int
statuses_add(const struct ingest_status *s, void *arg)
{
    struct wire_list *l = arg;

    wire_list_add(l, wire_status_to(l->arena, s));
    return 0;
}

static int
on_list_statuses(struct rpc_call *call, void *impl, const void *request, void *reply,
                 struct err *err)
{
    const ListStatusesRequest *rq = request;
    ListStatusesResponse *rp = reply;
    struct wire_list l = {.arena = rpc_call_arena(call)};
    AUTO(strv) filters = wire_strv_from(rq->filters, rq->n_filters);
    int r;

    r = content_list_statuses(impl, rpc_call_ctx(call), &filters, statuses_add, &l, err);
    rp->statuses = l.items;
    rp->n_statuses = l.n;
    return r;
}

static int
on_abort(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const AbortRequest *rq = request;

    (void) reply;
    return content_abort(impl, rpc_call_ctx(call), wire_str(rq->ref), err);
}

/* ---- Write ---- */

static int
request_from(const WriteRequest *m, struct write_request *ret, struct labels *labels,
             struct err *err)
{
    int r;

    *ret = (struct write_request){.action = (int) m->action,
                                  .ref = wire_str(m->ref),
                                  .total = m->total,
                                  .offset = m->offset,
                                  .data = m->data.data,
                                  .n = m->data.len,
                                  .labels = labels};
    r = wire_digest_from(m->expected, &ret->expected, err);
    return r < 0 ? r : wire_labels_from(m->labels, m->n_labels, labels, err);
}

static int
send_reply(struct rpc_call *call, struct arena *arena, const struct write_reply *from,
           struct err *err)
{
    WriteResponse m = CONTAINERD__SERVICES__CONTENT__V1__WRITE_CONTENT_RESPONSE__INIT;

    m.action = (Containerd__Services__Content__V1__WriteAction) from->action;
    m.started_at = wire_time_to(arena, from->started_ns);
    m.updated_at = wire_time_to(arena, from->updated_ns);
    m.offset = from->offset;
    m.total = from->total;
    m.digest = wire_digest_to(arena, &from->digest);
    return rpc_send(call, &m, err);
}

static int
serve_writes(struct rpc_call *call, struct write_session *s, struct arena *arena, struct err *err)
{
    const void *msg;
    int r, step;

    while ((r = rpc_recv(call, &msg, err)) > 0) {
        AUTO(labels) labels = {0};
        struct write_request rq;
        struct write_reply rp;

        r = request_from(msg, &rq, &labels, err);
        if (r < 0)
            return r;
        step = write_session_step(s, &rq, &rp, err);
        if (step < 0)
            return step;
        r = send_reply(call, arena, &rp, err);
        if (step > 0)
            return 0; /* committed, whether or not the answer arrives */
        if (r < 0)
            return r;
        arena_reset(arena);
    }
    return r;
}

static int
on_write(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    struct write_session s = {0};
    struct arena arena = {0};
    int r;

    (void) request;
    (void) reply;
    write_session_init(&s, impl, rpc_call_ctx(call));
    r = serve_writes(call, &s, &arena, err);
    write_session_done(&s);
    arena_done(&arena);
    return r;
}

static const struct rpc_method methods[] = {
    {"Info", RPC_QUICK, on_info},
    {"Update", RPC_UNARY, on_update},
    {"List", RPC_SERVER_STREAM, on_list},
    {"Delete", RPC_UNARY, on_delete},
    {"Read", RPC_SERVER_STREAM, on_read},
    {"Status", RPC_QUICK, on_status},
    {"ListStatuses", RPC_UNARY, on_list_statuses},
    {"Abort", RPC_UNARY, on_abort},
    {"Write", RPC_BIDI, on_write},
};

struct rpc_service
content_service(struct content *c)
{
    return (struct rpc_service){.desc = &containerd__services__content__v1__content__descriptor,
                                .methods = methods,
                                .n_methods = ARRAY_LEN(methods),
                                .impl = c};
}
