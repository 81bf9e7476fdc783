/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The in-process transport, for tests. A unary handler runs in the caller's thread; a streaming one on a thread of its
 * own, joined to the caller by two bounded queues of packed messages.
 */
#include "rpc_loopback.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "libross/base/clock.h"
#include "rpc_call.h"
#include "rpc_wire.h"

#define QUEUE_MAX      8
#define CANCEL_POLL_NS (10 * NS_PER_MS) /* how often a waiting caller looks at ctx->cancelled */

struct loopback {
    struct rpc_channel base;
    const struct rpc_service *services;
    size_t n;
};

struct packed {
    unsigned char *bytes;
    size_t n;
};

struct queue {
    struct packed items[QUEUE_MAX];
    unsigned first, n;
    bool closed; /* nothing more will be put */
};

/* A call in flight; shared by the caller and the handler. */
struct loop_call {
    struct rpc_call call;
    struct rpc_stream stream;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int refs; /* caller and handler */
    struct queue up, down;
    bool ended; /* r and err are final */
    int r;
    struct err err;
    pthread_t thread;
    struct arena recv_arena; /* of the handler */
    bool caller_gone;
    struct call_ctx caller_ctx; /* deadline and cancel of a streaming caller */
};

static int
pack(const ProtobufCMessage *msg, struct packed *ret, struct err *err)
{
    size_t n = protobuf_c_message_get_packed_size(msg);

    if (n > RPC_MESSAGE_MAX)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "message of %zu bytes exceeds %d", n,
                       RPC_MESSAGE_MAX);
    ret->bytes = xmalloc(n ? n : 1);
    ret->n = protobuf_c_message_pack(msg, ret->bytes);
    return 0;
}

static void
packed_done(struct packed *p)
{
    free(p->bytes);
    *p = (struct packed){0};
}

static void
queue_done(struct queue *q)
{
    for (; q->n; q->n--, q->first = (q->first + 1) % QUEUE_MAX)
        packed_done(&q->items[q->first]);
}

static struct loop_call *
call_new(const struct rpc_call_ops *ops, const struct rpc_route *route, const struct call_ctx *ctx)
{
    struct loop_call *c = xcalloc(1, sizeof *c);
    pthread_condattr_t attr;

    rpc_call_init(&c->call, ops, route);
    (void) pthread_mutex_init(&c->lock, NULL);
    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&c->changed, &attr);
    (void) pthread_condattr_destroy(&attr);
    c->refs = 2;
    if (ctx->ns)
        rpc_call_meta(&c->call, "containerd-namespace", 20, ctx->ns, strlen(ctx->ns));
    if (ctx->lease)
        rpc_call_meta(&c->call, "containerd-lease", 16, ctx->lease, strlen(ctx->lease));
    c->call.ctx.deadline_ns = ctx->deadline_ns;
    return c;
}

static void
call_free(struct loop_call *c)
{
    queue_done(&c->up);
    queue_done(&c->down);
    arena_done(&c->recv_arena);
    rpc_call_done(&c->call);
    (void) pthread_cond_destroy(&c->changed);
    (void) pthread_mutex_destroy(&c->lock);
    free(c);
}

static void
call_unref(struct loop_call *c)
{
    int left;

    (void) pthread_mutex_lock(&c->lock);
    left = --c->refs;
    (void) pthread_mutex_unlock(&c->lock);
    if (left == 0)
        call_free(c);
}

/* Waits for a change while the caller's patience lasts; called with the lock held. */
static int
caller_wait(struct loop_call *c, const struct call_ctx *ctx, struct err *err)
{
    int64_t now = clock_mono_ns(), until = INT64_MAX;
    struct timespec ts;

    if (call_ctx_cancelled(ctx))
        return err_set(err, CODE_CANCELED, "the call was cancelled");
    if (ctx->deadline_ns && now >= ctx->deadline_ns)
        return err_set(err, CODE_DEADLINE_EXCEEDED, "the deadline passed");
    if (ctx->cancelled)
        until = now + CANCEL_POLL_NS;
    if (ctx->deadline_ns && ctx->deadline_ns < until)
        until = ctx->deadline_ns;
    if (until == INT64_MAX) {
        (void) pthread_cond_wait(&c->changed, &c->lock);
        return 0;
    }
    ts = (struct timespec){.tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S};
    (void) pthread_cond_timedwait(&c->changed, &c->lock, &ts);
    return 0;
}

static void
call_end(struct loop_call *c, int r, const ProtobufCMessage *reply, const struct err *err)
{
    struct packed p = {0};
    struct err own = *err;

    if (r == 0 && reply)
        r = pack(reply, &p, &own);
    (void) pthread_mutex_lock(&c->lock);
    if (p.bytes)
        c->down.items[(c->down.first + c->down.n++) % QUEUE_MAX] = p;
    c->down.closed = true;
    c->ended = true;
    c->r = r;
    c->err = own;
    (void) pthread_cond_broadcast(&c->changed);
    (void) pthread_mutex_unlock(&c->lock);
}

/* ---- unary ---- */

static void
unary_finish(struct rpc_call *call, int r, const ProtobufCMessage *reply, const struct err *err)
{
    struct loop_call *c = CONTAINER_OF(call, struct loop_call, call);

    call_end(c, r, reply, err);
    call_unref(c);
}

static const struct rpc_call_ops unary_ops = {.finish = unary_finish};

static int
loopback_invoke(struct rpc_channel *ch, const struct call_ctx *ctx,
                const ProtobufCServiceDescriptor *svc, const ProtobufCMethodDescriptor *method,
                const ProtobufCMessage *request, struct arena *arena, void **ret_reply,
                struct err *err)
{
    struct loopback *lb = CONTAINER_OF(ch, struct loopback, base);
    struct err ended = {0};
    struct packed p = {0};
    struct rpc_route route;
    struct loop_call *c;
    bool answered;
    int r;

    r = rpc_route_find(lb->services, lb->n, svc->name, strlen(svc->name), method->name,
                       strlen(method->name), &route, err);
    if (r < 0)
        return r;
    assert(rpc_kind_is_unary(route.row->kind));
    r = pack(request, &p, err);
    if (r < 0)
        return r;
    c = call_new(&unary_ops, &route, ctx);
    r = rpc_call_run(&c->call, p.bytes, p.n, &ended);
    packed_done(&p);
    answered = r != RPC_LATER;
    if (answered)
        call_end(c, r, r == 0 ? c->call.reply : NULL, &ended);

    (void) pthread_mutex_lock(&c->lock);
    for (r = 0; r == 0 && !c->ended;)
        r = caller_wait(c, ctx, err);
    if (c->ended) {
        r = c->r;
        if (r < 0 && err)
            *err = c->err;
    }
    (void) pthread_mutex_unlock(&c->lock);
    if (r == 0)
        r = rpc_unpack(method->output, arena, c->down.items[0].bytes, c->down.items[0].n, ret_reply,
                       err);
    else if (!c->ended)
        rpc_call_cancel(&c->call);
    /* the handler's reference is unused when it answered at once */
    if (answered)
        call_free(c);
    else
        call_unref(c);
    return r;
}

/* ---- streams ---- */

static int
handler_gone(struct err *err)
{
    return err_set(err, CODE_CANCELED, "the caller is gone");
}

static int
handler_recv(struct rpc_call *call, const void **ret_msg, struct err *err)
{
    struct loop_call *c = CONTAINER_OF(call, struct loop_call, call);
    struct packed p = {0};
    void *msg;
    int r;

    (void) pthread_mutex_lock(&c->lock);
    while (!c->up.n && !c->up.closed && !c->caller_gone)
        (void) pthread_cond_wait(&c->changed, &c->lock);
    if (c->up.n && !c->caller_gone) {
        p = TAKE_STRUCT(c->up.items[c->up.first]);
        c->up.first = (c->up.first + 1) % QUEUE_MAX;
        c->up.n--;
        (void) pthread_cond_broadcast(&c->changed);
    }
    r = c->caller_gone ? handler_gone(err) : 0;
    (void) pthread_mutex_unlock(&c->lock);
    if (!p.bytes)
        return r;
    arena_reset(&c->recv_arena);
    r = rpc_unpack(call->route.method->input, &c->recv_arena, p.bytes, p.n, &msg, err);
    packed_done(&p);
    if (r < 0)
        return r;
    *ret_msg = msg;
    return 1;
}

static int
handler_send(struct rpc_call *call, const ProtobufCMessage *msg, struct err *err)
{
    struct loop_call *c = CONTAINER_OF(call, struct loop_call, call);
    struct packed p;
    int r;

    r = pack(msg, &p, err);
    if (r < 0)
        return r;
    (void) pthread_mutex_lock(&c->lock);
    while (c->down.n == QUEUE_MAX - 1 &&
           !c->caller_gone) /* one place is kept for the final reply */
        (void) pthread_cond_wait(&c->changed, &c->lock);
    if (c->caller_gone) {
        r = handler_gone(err);
        packed_done(&p);
    } else {
        c->down.items[(c->down.first + c->down.n++) % QUEUE_MAX] = p;
        (void) pthread_cond_broadcast(&c->changed);
    }
    (void) pthread_mutex_unlock(&c->lock);
    return r;
}

static const struct rpc_call_ops stream_call_ops = {.recv = handler_recv, .send = handler_send};

static void *
stream_thread(void *arg)
{
    struct loop_call *c = arg;
    bool first = c->call.route.row->kind == RPC_SERVER_STREAM;
    struct packed p = {0};
    struct err err = {0};
    int r = 0;

    if (first) {
        (void) pthread_mutex_lock(&c->lock);
        while (!c->up.n && !c->caller_gone && !c->up.closed)
            (void) pthread_cond_wait(&c->changed, &c->lock);
        if (c->up.n) {
            p = TAKE_STRUCT(c->up.items[c->up.first]);
            c->up.n--;
        }
        (void) pthread_mutex_unlock(&c->lock);
        if (!p.bytes)
            r = err_set(&err, CODE_INTERNAL, "the request is missing");
    }
    if (r == 0)
        r = rpc_call_run(&c->call, p.bytes, p.n, &err);
    packed_done(&p);
    call_end(c, r, r == 0 ? c->call.reply : NULL, &err);
    call_unref(c);
    return NULL;
}

static const struct rpc_channel_ops loopback_ops;

static int
loopback_stream_open(struct rpc_channel *ch, const struct call_ctx *ctx,
                     const ProtobufCServiceDescriptor *svc, const ProtobufCMethodDescriptor *method,
                     struct rpc_stream **ret, struct err *err)
{
    struct loopback *lb = CONTAINER_OF(ch, struct loopback, base);
    struct rpc_route route;
    struct loop_call *c;
    int r;

    r = rpc_route_find(lb->services, lb->n, svc->name, strlen(svc->name), method->name,
                       strlen(method->name), &route, err);
    if (r < 0)
        return r;
    c = call_new(&stream_call_ops, &route, ctx);
    c->stream.ops = &loopback_ops;
    c->caller_ctx = *ctx;
    r = pthread_create(&c->thread, NULL, stream_thread, c);
    if (r) {
        call_free(c);
        return err_sys(err, r, "start a thread");
    }
    *ret = &c->stream;
    return 0;
}

static int
loopback_stream_send(struct rpc_stream *s, const ProtobufCMessage *msg, struct err *err)
{
    struct loop_call *c = CONTAINER_OF(s, struct loop_call, stream);
    struct packed p;
    int r;

    r = pack(msg, &p, err);
    if (r < 0)
        return r;
    (void) pthread_mutex_lock(&c->lock);
    while (r == 0 && c->up.n == QUEUE_MAX && !c->ended)
        r = caller_wait(c, &c->caller_ctx, err);
    if (r == 0 && c->ended)
        r = err_set(err, CODE_CANCELED, "the call has ended");
    if (r == 0) {
        c->up.items[(c->up.first + c->up.n++) % QUEUE_MAX] = TAKE_STRUCT(p);
        (void) pthread_cond_broadcast(&c->changed);
    }
    (void) pthread_mutex_unlock(&c->lock);
    packed_done(&p);
    return r;
}

static int
loopback_stream_close_send(struct rpc_stream *s, struct err *err)
{
    struct loop_call *c = CONTAINER_OF(s, struct loop_call, stream);

    (void) err;
    (void) pthread_mutex_lock(&c->lock);
    c->up.closed = true;
    (void) pthread_cond_broadcast(&c->changed);
    (void) pthread_mutex_unlock(&c->lock);
    return 0;
}

static int
loopback_stream_recv(struct rpc_stream *s, struct arena *arena, void **ret_msg, struct err *err)
{
    struct loop_call *c = CONTAINER_OF(s, struct loop_call, stream);
    struct packed p = {0};
    int r = 0;

    (void) pthread_mutex_lock(&c->lock);
    while (r == 0 && !c->down.n && !c->ended)
        r = caller_wait(c, &c->caller_ctx, err);
    if (c->down.n) {
        p = TAKE_STRUCT(c->down.items[c->down.first]);
        c->down.first = (c->down.first + 1) % QUEUE_MAX;
        c->down.n--;
        (void) pthread_cond_broadcast(&c->changed);
    } else if (c->ended) {
        r = c->r;
        if (r < 0 && err)
            *err = c->err;
    }
    (void) pthread_mutex_unlock(&c->lock);
    if (!p.bytes)
        return r;
    r = rpc_unpack(c->call.route.method->output, arena, p.bytes, p.n, ret_msg, err);
    packed_done(&p);
    return r < 0 ? r : 1;
}

static void
loopback_stream_free(struct rpc_stream *s)
{
    struct loop_call *c = CONTAINER_OF(s, struct loop_call, stream);
    pthread_t thread = c->thread;

    (void) pthread_mutex_lock(&c->lock);
    c->caller_gone = true;
    atomic_store(&c->call.cancelled, true);
    (void) pthread_cond_broadcast(&c->changed);
    (void) pthread_mutex_unlock(&c->lock);
    (void) pthread_join(thread, NULL);
    call_unref(c);
}

static void
loopback_free(struct rpc_channel *ch)
{
    free(CONTAINER_OF(ch, struct loopback, base));
}

static const struct rpc_channel_ops loopback_ops = {
    .invoke = loopback_invoke,
    .stream_open = loopback_stream_open,
    .stream_send = loopback_stream_send,
    .stream_close_send = loopback_stream_close_send,
    .stream_recv = loopback_stream_recv,
    .stream_free = loopback_stream_free,
    .free = loopback_free,
};

int
rpc_loopback_channel(const struct rpc_service *services, size_t n, struct rpc_channel **ret,
                     struct err *err)
{
    struct loopback *lb;
    int r;

    r = rpc_services_check(services, n, err);
    if (r < 0)
        return r;
    lb = xcalloc(1, sizeof *lb);
    *lb = (struct loopback){.base.ops = &loopback_ops, .services = services, .n = n};
    *ret = &lb->base;
    return 0;
}
