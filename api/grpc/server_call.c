/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call on the serving side. Its handler sleeps on the call's condition while an operation runs; the thread
 * that takes the operation from the queue wakes it.
 */
#include "server_call.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/rpc/rpc_log.h"
#include "libross/base/clock.h"
#include "send_buffer.h"

bool
server_method_has_request(const struct rpc_route *route)
{
    return rpc_kind_is_unary(route->row->kind) || route->row->kind == RPC_SERVER_STREAM;
}

void
server_call_arm(struct server_calls *all, struct server_method *m)
{
    struct server_call *c = xcalloc(1, sizeof *c);
    grpc_call_error e;

    c->all = all;
    c->method = m;
    c->refs = 1;
    c->new_tag = (struct server_tag){TAG_NEW, c};
    c->recv_tag = (struct server_tag){TAG_RECV, c};
    c->send_tag = (struct server_tag){TAG_SEND, c};
    c->close_tag = (struct server_tag){TAG_CLOSE, c};
    c->status_tag = (struct server_tag){TAG_STATUS, c};
    grpc_metadata_array_init(&c->meta);
    (void) pthread_mutex_init(&c->lock, NULL);
    (void) pthread_cond_init(&c->changed, NULL);
    grpc_core_given(&c->new_tag);
    if (m->registered) {
        e = grpc_server_request_registered_call(
            all->server, m->registered, &c->grpc, &c->deadline, &c->meta,
            server_method_has_request(&m->route) ? &c->payload : NULL, all->cq, all->cq,
            &c->new_tag);
    } else {
        grpc_call_details_init(&c->details);
        e = grpc_server_request_call(all->server, &c->grpc, &c->details, &c->meta, all->cq, all->cq,
                                     &c->new_tag);
    }
    assert(e == GRPC_CALL_OK);
}

static void
buffer_drop(struct server_call *c)
{
    if (c->has_buffer)
        grpc_slice_unref(c->buffer);
    c->has_buffer = false;
}

static void
call_release(struct server_call *c)
{
    if (!c->method->registered)
        grpc_call_details_destroy(&c->details);
    grpc_metadata_array_destroy(&c->meta);
    if (c->payload)
        grpc_byte_buffer_destroy(c->payload);
    if (c->received)
        grpc_byte_buffer_destroy(c->received);
    buffer_drop(c);
    if (c->grpc)
        grpc_call_unref(c->grpc);
    arena_done(&c->recv_arena);
    rpc_call_done(&c->base);
    (void) pthread_cond_destroy(&c->changed);
    (void) pthread_mutex_destroy(&c->lock);
    free(c);
}

void
server_call_unref(struct server_call *c)
{
    unsigned left;

    (void) pthread_mutex_lock(&c->lock);
    left = --c->refs;
    (void) pthread_mutex_unlock(&c->lock);
    if (!left)
        call_release(c);
}

/* Takes a reference for the tag; *busy, when given, is true until the operations have ended. */
static void
batch_start(struct server_call *c, const grpc_op *ops, size_t n, struct server_tag *tag, bool *busy)
{
    grpc_call_error e;

    (void) pthread_mutex_lock(&c->lock);
    c->refs++;
    if (busy)
        *busy = true;
    (void) pthread_mutex_unlock(&c->lock);
    grpc_core_given(tag);
    e = grpc_call_start_batch(c->grpc, ops, n, tag, NULL);
    assert(e == GRPC_CALL_OK);
}

/* A poller brings the result of an operation. */
void
server_call_completed(struct server_tag *tag, bool ok)
{
    struct server_call *c = tag->call;
    bool cancelled = tag->kind == TAG_CLOSE && c->close_cancelled;

    if (cancelled)
        atomic_store(&c->base.cancelled, true);
    (void) pthread_mutex_lock(&c->lock);
    switch (tag->kind) {
    case TAG_RECV:
        c->recv_busy = false;
        c->recv_failed |= !ok;
        break;
    case TAG_SEND:
        c->send_busy = false;
        c->send_failed |= !ok;
        break;
    default:
        break;
    }
    (void) pthread_cond_broadcast(&c->changed);
    (void) pthread_mutex_unlock(&c->lock);
    if (cancelled)
        c->all->cancelled(c->all);
    server_call_unref(c);
}

/* Waits for an operation to end; false when one of its kind has failed. */
static bool
op_wait(struct server_call *c, const bool *busy, const bool *failed)
{
    bool ok;

    (void) pthread_mutex_lock(&c->lock);
    while (*busy)
        (void) pthread_cond_wait(&c->changed, &c->lock);
    ok = !*failed;
    (void) pthread_mutex_unlock(&c->lock);
    return ok;
}

static int
gone(struct err *err)
{
    return err_set(err, CODE_CANCELED, "the client is gone");
}

static void
recv_start(struct server_call *c)
{
    grpc_op op = {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &c->received};

    c->recv_started = true;
    batch_start(c, &op, 1, &c->recv_tag, &c->recv_busy);
}

/*
 * One message is read ahead, so that the network works while the handler does.
 *
 * "No message" means half-close, but also that the call was cancelled, which is told by another completion a
 * moment later. A second, empty read passes through the same queues and so comes after that one.
 */
static int
server_recv(struct rpc_call *base, const void **ret_msg, struct err *err)
{
    struct server_call *c = CONTAINER_OF(base, struct server_call, base);
    grpc_byte_buffer *bytes;
    void *msg;
    bool ok;
    int r;

    if (!c->recv_started)
        recv_start(c);
    ok = op_wait(c, &c->recv_busy, &c->recv_failed);
    if (!c->received && ok && !rpc_call_cancelled(base)) {
        recv_start(c);
        ok = op_wait(c, &c->recv_busy, &c->recv_failed);
    }
    c->recv_started = false;
    bytes = TAKE(c->received);
    if (!bytes)
        return rpc_call_cancelled(base) || !ok ? gone(err) : 0;
    recv_start(c);
    arena_reset(&c->recv_arena);
    r = grpc_core_unpack(base->route.method->input, &c->recv_arena, bytes, &msg, err);
    if (r < 0)
        return r;
    *ret_msg = msg;
    return 1;
}

static size_t
meta_op(struct server_call *c, grpc_op *op)
{
    if (c->meta_sent)
        return 0;
    c->meta_sent = true;
    *op = (grpc_op){.op = GRPC_OP_SEND_INITIAL_METADATA};
    return 1;
}

static void *
server_send_buffer(struct rpc_call *base, size_t want, size_t *ret_n)
{
    struct server_call *c = CONTAINER_OF(base, struct server_call, base);

    buffer_drop(c);
    c->buffer = send_buffer_get(want);
    c->has_buffer = true;
    *ret_n = GRPC_SLICE_LENGTH(c->buffer);
    return GRPC_SLICE_START_PTR(c->buffer);
}

/* Returns when gRPC has taken the message; the next call waits until the peer's window had room for it. */
static int
server_send(struct rpc_call *base, const ProtobufCMessage *msg, struct err *err)
{
    struct server_call *c = CONTAINER_OF(base, struct server_call, base);
    grpc_byte_buffer *bytes;
    grpc_op ops[2];
    size_t n;
    int r;

    if (c->has_buffer)
        r = grpc_core_pack_with(msg, &c->buffer, &bytes, err);
    else
        r = grpc_core_pack(msg, &bytes, err);
    buffer_drop(c);
    if (r < 0)
        return r;
    if (!op_wait(c, &c->send_busy, &c->send_failed) || rpc_call_cancelled(base)) {
        grpc_byte_buffer_destroy(bytes);
        return gone(err);
    }
    n = meta_op(c, ops);
    ops[n++] = (grpc_op){.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = bytes};
    batch_start(c, ops, n, &c->send_tag, &c->send_busy);
    grpc_byte_buffer_destroy(bytes);
    return 0;
}

static const struct rpc_call_ops server_ops = {
    .recv = server_recv, .send = server_send, .send_buffer = server_send_buffer};

/* ---- running a call ---- */

static bool
slice_is(grpc_slice s, const char *prefix)
{
    size_t n = strlen(prefix);

    return GRPC_SLICE_LENGTH(s) >= n && !memcmp(GRPC_SLICE_START_PTR(s), prefix, n);
}

static void
meta_take(struct server_call *c)
{
    grpc_metadata *m;

    for (size_t i = 0; i < c->meta.count; i++) {
        m = &c->meta.metadata[i];
        if (slice_is(m->key, "containerd-"))
            rpc_call_meta(&c->base, (const char *) GRPC_SLICE_START_PTR(m->key),
                          GRPC_SLICE_LENGTH(m->key), (const char *) GRPC_SLICE_START_PTR(m->value),
                          GRPC_SLICE_LENGTH(m->value));
    }
}

static int
unknown_method(struct server_call *c, struct err *err)
{
    const char *name = (const char *) GRPC_SLICE_START_PTR(c->details.method);
    size_t n = GRPC_SLICE_LENGTH(c->details.method);
    const char *slash = n > 1 ? memrchr(name, '/', n) : NULL;
    struct rpc_route route;
    int r;

    if (!slash || slash == name)
        return err_set(err, CODE_UNIMPLEMENTED, "malformed method name");
    r = rpc_route_find(c->all->services, c->all->n_services, name + 1, (size_t) (slash - name) - 1,
                       slash + 1, (size_t) (name + n - slash) - 1, &route, err);
    return r < 0 ? r : err_set(err, CODE_UNIMPLEMENTED, "method is not served");
}

static int
handler_run(struct server_call *c, struct err *err)
{
    const void *p = NULL;
    size_t n = 0;
    int r = 0;

    if (!c->method->registered)
        return unknown_method(c, err);
    if (c->payload)
        r = grpc_core_bytes(c->payload, &c->base.arena, &p, &n, err);
    else if (server_method_has_request(&c->base.route))
        r = err_set(err, CODE_INTERNAL, "the request message is missing");
    return r < 0 ? r : rpc_call_run(&c->base, p, n, err);
}

static void
status_send(struct server_call *c, grpc_byte_buffer *reply, int r, const struct err *err)
{
    grpc_slice details = grpc_slice_from_copied_string(r < 0 ? err->msg : "");
    grpc_op ops[3];
    size_t n;

    n = meta_op(c, ops);
    if (reply)
        ops[n++] = (grpc_op){.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = reply};
    ops[n++] =
        (grpc_op){.op = GRPC_OP_SEND_STATUS_FROM_SERVER,
                  .data.send_status_from_server = {.status = (grpc_status_code) -r,
                                                   .status_details = r < 0 ? &details : NULL}};
    batch_start(c, ops, n, &c->status_tag, NULL);
    grpc_slice_unref(details);
    if (reply)
        grpc_byte_buffer_destroy(reply);
}

void
server_call_run(struct server_call *c)
{
    grpc_op close = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER,
                     .data.recv_close_on_server.cancelled = &c->close_cancelled};
    int64_t started_ns = clock_mono_ns();
    grpc_byte_buffer *reply = NULL;
    struct err err = {0};
    int r;

    rpc_call_init(&c->base, &server_ops, &c->method->route);
    meta_take(c);
    c->base.ctx.deadline_ns =
        grpc_core_mono_ns(c->method->registered ? c->deadline : c->details.deadline);
    batch_start(c, &close, 1, &c->close_tag, NULL);
    r = handler_run(c, &err);
    (void) op_wait(c, &c->send_busy, &c->send_failed);
    if (r == 0 && c->base.reply)
        r = grpc_core_pack(c->base.reply, &reply, &err);
    if (r < 0)
        rpc_log_failure(c->method->name, &err, clock_mono_ns() - started_ns);
    status_send(c, reply, r, &err);
    server_call_unref(c);
}
