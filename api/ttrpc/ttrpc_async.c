/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asynchronous unary calls on a loop. A call that cannot even start fails like any other: through its timer, at the
 * loop's next turn.
 */
#include <string.h>

#include "api/rpc/rpc_wire.h"
#include "github.com/containerd/ttrpc/request.pb-c.h"
#include "libross/base/clock.h"
#include "libross/base/mem_try.h"
#include "ttrpc_channel.h"
#include "ttrpc_conn.h"
#include "ttrpc_dial.h"

#define CALLS_MAX  4096 /* unanswered */
#define UNSENT_MAX (8 * 1024 * 1024)

struct pending {
    struct ttrpc_async *client;
    struct pending *prev, *next;
    struct loop_timer *timer;
    ttrpc_async_fn done;
    void *arg;
    struct err failed; /* set when the call could not start */
    uint32_t stream_id;
};

struct ttrpc_async {
    struct loop *loop;
    char *address;
    struct ttrpc_conn *conn;
    struct pending *calls;
    unsigned n_calls;
    uint32_t last_id; /* 0 before the first call of a connection */
};

/* Ends the call; the client may be gone afterwards. */
static void
pending_end(struct pending *p, int r, const struct err *err)
{
    struct ttrpc_async *c = p->client;
    ttrpc_async_fn done = p->done;
    void *arg = p->arg;

    if (p->prev)
        p->prev->next = p->next;
    else
        c->calls = p->next;
    if (p->next)
        p->next->prev = p->prev;
    c->n_calls--;
    loop_timer_free(p->timer);
    free(p);
    done(r, err, arg);
}

static void
pending_timer(void *arg)
{
    struct pending *p = arg;
    struct err err = p->failed;

    p->timer = NULL;
    if (!err.code)
        (void) err_set(&err, CODE_DEADLINE_EXCEEDED, "%s did not answer in time",
                       p->client->address);
    pending_end(p, -err.code, &err);
}

/* DataLoss: the call was answered, so it is not to be made again, but nobody knows how. */
static int
response_read(const struct ttrpc_frame *frame, struct arena *arena, struct err *err)
{
    const Ttrpc__Response *res;
    struct err why = {0};
    void *msg;

    if (frame->skipped)
        return err_set(err, CODE_DATA_LOSS, "no room for an answer of %u bytes", frame->h.length);
    if (rpc_unpack(&ttrpc__response__descriptor, arena, frame->payload, frame->h.length, &msg,
                   &why) < 0)
        return err_set(err, CODE_DATA_LOSS, "unpack response: %.400s", why.msg);
    res = msg;
    if (!res->status || res->status->code == 0)
        return 0;
    return err_set(err,
                   res->status->code < 0 || res->status->code > CODE_MAX ? CODE_UNKNOWN
                                                                         : res->status->code,
                   "%s", res->status->message);
}

static void
async_frame(void *arg, const struct ttrpc_frame *frame)
{
    struct ttrpc_async *c = arg;
    struct arena arena = {0};
    struct err err = {0};
    struct pending *p = c->calls;
    int r;

    while (p && p->stream_id != frame->h.stream_id)
        p = p->next;
    if (!p || frame->h.type != TTRPC_RESPONSE)
        return; /* an answer that came too late */
    r = response_read(frame, &arena, &err);
    arena_done(&arena);
    pending_end(p, r, &err);
}

/* Calls that the connection carried fail; done() may start new ones, which make a new connection. */
static void
async_ended(void *arg, bool half)
{
    struct ttrpc_async *c = arg;
    struct pending *p, *next;
    struct err err = {0};
    int64_t now = clock_mono_ns();

    (void) half;
    ttrpc_conn_free(TAKE(c->conn));
    c->last_id = 0;
    (void) err_set(&err, CODE_UNAVAILABLE, "%s: the connection was closed", c->address);
    for (p = c->calls; p; p = next) {
        next = p->next;
        if (p->failed.code)
            continue;
        p->failed = err;
        p->stream_id = 0;
        loop_timer_free(p->timer);
        p->timer = loop_timer_add(c->loop, now, pending_timer, p);
    }
}

static int
async_send(struct ttrpc_async *c, const char *ns, const ProtobufCServiceDescriptor *svc,
           const char *method, const ProtobufCMessage *request, int64_t timeout_ms,
           uint32_t *ret_id, struct err *err)
{
    static const struct ttrpc_conn_ops ops = {.frame = async_frame, .ended = async_ended};
    Ttrpc__KeyValue kv = TTRPC__KEY_VALUE__INIT, *list[] = {&kv};
    Ttrpc__Request req = TTRPC__REQUEST__INIT;
    size_t n = protobuf_c_message_get_packed_size(request);
    auto_free uint8_t *bytes = NULL;
    int fd, r;

    if (c->n_calls >= CALLS_MAX)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "more than %d calls wait for %s", CALLS_MAX,
                       c->address);
    if (n > TTRPC_FRAME_MAX)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "message of %zu bytes exceeds %d", n,
                       TTRPC_FRAME_MAX);
    if (c->last_id >= UINT32_MAX - 2)
        async_ended(c, false); /* the ids of this connection are used up */
    if (!c->conn) {
        fd = ttrpc_dial(c->address, err);
        if (fd < 0)
            return fd;
        r = ttrpc_conn_new(c->loop, fd, UNSENT_MAX, &ops, c, &c->conn, err);
        if (r < 0)
            return r;
    }
    bytes = mem_try_realloc(NULL, n);
    if (!bytes)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "no memory for a message of %zu bytes", n);
    req.payload =
        (ProtobufCBinaryData){.len = protobuf_c_message_pack(request, bytes), .data = bytes};
    req.service = (char *) svc->name;
    req.method = (char *) method;
    req.timeout_nano = timeout_ms * NS_PER_MS;
    if (ns) {
        kv.key = (char *) "containerd-namespace-ttrpc";
        kv.value = (char *) ns;
        req.metadata = list;
        req.n_metadata = 1;
    }
    c->last_id = c->last_id ? c->last_id + 2 : 1;
    r = ttrpc_conn_send(c->conn, c->last_id, TTRPC_REQUEST, 0, &req.base, err);
    if (r == 0)
        *ret_id = c->last_id;
    return r;
}

void
ttrpc_async_call(struct ttrpc_async *c, const char *ns, const ProtobufCServiceDescriptor *svc,
                 const char *method, const void *request, int64_t timeout_ms, ttrpc_async_fn done,
                 void *arg)
{
    struct pending *p = xcalloc(1, sizeof *p);
    int64_t now = clock_mono_ns();
    int r;

    r = async_send(c, ns, svc, method, request, timeout_ms, &p->stream_id, &p->failed);
    p->client = c;
    p->done = done;
    p->arg = arg;
    p->next = c->calls;
    if (c->calls)
        c->calls->prev = p;
    c->calls = p;
    c->n_calls++;
    p->timer =
        loop_timer_add(c->loop, r < 0 ? now : now + timeout_ms * NS_PER_MS, pending_timer, p);
}

struct ttrpc_async *
ttrpc_async_new(struct loop *loop, const char *address)
{
    struct ttrpc_async *c = xcalloc(1, sizeof *c);

    c->loop = loop;
    c->address = xstrdup(address);
    return c;
}

void
ttrpc_async_free(struct ttrpc_async *c)
{
    struct err err = {0};
    struct pending *p;

    if (!c)
        return;
    ttrpc_conn_free(TAKE(c->conn));
    (void) err_set(&err, CODE_CANCELED, "the client is closed");
    while ((p = c->calls)) {
        c->calls = p->next;
        pending_end(p, -CODE_CANCELED, &err);
    }
    free(c->address);
    free(c);
}
