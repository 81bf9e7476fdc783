/* SPDX-License-Identifier: Apache-2.0 */
/* What handlers and callers use, independent of the transport. */
#include "rpc.h"

#include <assert.h>
#include <string.h>

#include "rpc_call.h"
#include "rpc_wire.h"

#define SEND_BUFFER_SIZE (64 * 1024)
#define META_NAME_MAX    4096 /* namespace and lease names; longer ones become NAME_REFUSED */
#define NAME_REFUSED     "?"  /* a name that no validation lets through */

/* ---- the serving side ---- */

void
rpc_call_init(struct rpc_call *call, const struct rpc_call_ops *ops, const struct rpc_route *route)
{
    *call = (struct rpc_call){.ops = ops, .route = *route};
    call->ctx.cancelled = &call->cancelled;
    call->allocator = rpc_arena_allocator(&call->arena);
}

void
rpc_call_done(struct rpc_call *call)
{
    arena_done(&call->arena);
}

static bool
key_is(const char *key, size_t len, const char *want)
{
    return len == strlen(want) && !memcmp(key, want, len);
}

void
rpc_call_meta(struct rpc_call *call, const char *key, size_t key_len, const char *value,
              size_t value_len)
{
    const char **slot = NULL;

    if (key_is(key, key_len, "containerd-namespace") ||
        key_is(key, key_len, "containerd-namespace-ttrpc"))
        slot = &call->ctx.ns;
    else if (key_is(key, key_len, "containerd-lease"))
        slot = &call->ctx.lease;
    if (!slot || *slot)
        return; /* the first value counts, reference 12.1 */
    if (value_len > META_NAME_MAX || memchr(value, '\0', value_len))
        *slot = NAME_REFUSED; /* not the same as none: that would be another view of the store */
    else
        *slot = arena_strndup(&call->arena, value, value_len);
}

/* A handler's failure always carries a code and a sentence. */
static int
failure(int r, struct err *err)
{
    int code = r < -CODE_MAX ? CODE_UNKNOWN : -r;

    if (!err->code || !err->msg[0])
        return err_set(err, code, "%s", code_name(code));
    err->code = code;
    return -code;
}

int
rpc_call_run(struct rpc_call *call, const void *bytes, size_t n, struct err *err)
{
    const struct rpc_method *row = call->route.row;
    bool has_request = rpc_kind_is_unary(row->kind) || row->kind == RPC_SERVER_STREAM;
    bool has_reply = rpc_kind_is_unary(row->kind) || row->kind == RPC_CLIENT_STREAM;
    void *request = NULL;
    int r;

    if (has_request) {
        r = rpc_unpack(call->route.method->input, &call->arena, bytes, n, &request, err);
        if (r < 0)
            return r;
    }
    if (has_reply)
        call->reply = rpc_message_new(call->route.method->output, &call->arena);
    r = row->handler(call, call->route.svc->impl, request, call->reply, err);
    assert(r <= 0 || (r == RPC_LATER && call->ops->finish && row->kind == RPC_UNARY));
    return r < 0 ? failure(r, err) : r;
}

void
rpc_call_cancel(struct rpc_call *call)
{
    void (*fn)(void *arg) = call->on_cancel;

    call->on_cancel = NULL;
    atomic_store(&call->cancelled, true);
    if (fn)
        fn(call->on_cancel_arg);
}

const struct call_ctx *
rpc_call_ctx(const struct rpc_call *call)
{
    return &call->ctx;
}

struct arena *
rpc_call_arena(struct rpc_call *call)
{
    return &call->arena;
}

ProtobufCAllocator *
rpc_call_allocator(struct rpc_call *call)
{
    return &call->allocator;
}

int
rpc_recv(struct rpc_call *call, const void **ret_msg, struct err *err)
{
    assert(call->route.row->kind == RPC_CLIENT_STREAM || call->route.row->kind == RPC_BIDI);
    return call->ops->recv(call, ret_msg, err);
}

int
rpc_send(struct rpc_call *call, const void *msg, struct err *err)
{
    assert(call->route.row->kind == RPC_SERVER_STREAM || call->route.row->kind == RPC_BIDI);
    return call->ops->send(call, msg, err);
}

void *
rpc_send_buffer(struct rpc_call *call, size_t want, size_t *ret_n)
{
    if (call->ops->send_buffer)
        return call->ops->send_buffer(call, want, ret_n);
    if (!call->send_buffer)
        call->send_buffer = arena_alloc(&call->arena, SEND_BUFFER_SIZE);
    *ret_n = want < SEND_BUFFER_SIZE ? want : SEND_BUFFER_SIZE;
    return call->send_buffer;
}

bool
rpc_call_cancelled(const struct rpc_call *call)
{
    return atomic_load(&call->cancelled);
}

void
rpc_finish(struct rpc_call *call, int r, const void *reply, const struct err *err)
{
    struct err own = {0};

    if (err)
        own = *err;
    if (r < 0)
        r = failure(r, &own);
    call->ops->finish(call, r, reply, &own);
}

void *
rpc_call_reply(struct rpc_call *call)
{
    return call->reply;
}

void
rpc_call_on_cancel(struct rpc_call *call, void (*fn)(void *arg), void *arg)
{
    call->on_cancel = fn;
    call->on_cancel_arg = arg;
}

/* ---- the calling side ---- */

static int
method_get(const ProtobufCServiceDescriptor *svc, const char *name,
           const ProtobufCMethodDescriptor **ret, struct err *err)
{
    *ret = protobuf_c_service_descriptor_get_method_by_name(svc, name);
    if (!*ret)
        return err_set(err, CODE_INTERNAL, "%s has no method %s", svc->name, name);
    return 0;
}

int
rpc_invoke(struct rpc_channel *ch, const struct call_ctx *ctx,
           const ProtobufCServiceDescriptor *svc, const char *method, const void *request,
           struct arena *arena, void **ret_reply, struct err *err)
{
    static const struct call_ctx no_ctx;
    const ProtobufCMethodDescriptor *desc;
    int r;

    r = method_get(svc, method, &desc, err);
    if (r < 0)
        return r;
    return ch->ops->invoke(ch, ctx ? ctx : &no_ctx, svc, desc, request, arena, ret_reply, err);
}

int
rpc_stream_open(struct rpc_channel *ch, const struct call_ctx *ctx,
                const ProtobufCServiceDescriptor *svc, const char *method, struct rpc_stream **ret,
                struct err *err)
{
    static const struct call_ctx no_ctx;
    const ProtobufCMethodDescriptor *desc;
    int r;

    r = method_get(svc, method, &desc, err);
    if (r < 0)
        return r;
    return ch->ops->stream_open(ch, ctx ? ctx : &no_ctx, svc, desc, ret, err);
}

int
rpc_stream_send(struct rpc_stream *s, const void *msg, struct err *err)
{
    return s->ops->stream_send(s, msg, err);
}

int
rpc_stream_close_send(struct rpc_stream *s, struct err *err)
{
    return s->ops->stream_close_send(s, err);
}

int
rpc_stream_recv(struct rpc_stream *s, struct arena *arena, void **ret_msg, struct err *err)
{
    return s->ops->stream_recv(s, arena, ret_msg, err);
}

void
rpc_stream_free(struct rpc_stream *s)
{
    if (s)
        s->ops->stream_free(s);
}

void
rpc_channel_free(struct rpc_channel *ch)
{
    if (ch)
        ch->ops->free(ch);
}
