/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls rpc services over gRPC.
 *
 * We connect the socket ourselves and give gRPC the connected descriptor: no resolver, no load balancing, no
 * back-off, and a missing server is an error at once. A connection that the server has closed is replaced when the next
 * call starts; calls that run on the old one keep it until they end.
 *
 * A call waits on a completion queue of its own, which the waiting thread itself drives.
 */
#include "grpc_channel.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "api/rpc/rpc_wire.h"
#include "grpc_core.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"

#define CANCEL_POLL_NS  (20 * NS_PER_MS) /* how often a waiting call looks at ctx->cancelled */
#define CONNECT_SECONDS 10               /* to get a place in the backlog of a busy server */
#define SPARE_QUEUES    4

struct connection {
    grpc_channel *grpc;
    int watch_fd; /* a duplicate, to see whether the peer has hung up */
    unsigned refs;
};

struct channel {
    struct rpc_channel base;
    char *path;
    grpc_channel_credentials *creds;
    pthread_mutex_t lock;
    struct connection *conn;
    grpc_completion_queue *spare[SPARE_QUEUES];
    unsigned n_spare;
};

/* A call of any kind. */
struct client_call {
    struct channel *ch;
    struct connection *conn;
    grpc_completion_queue *cq;
    grpc_call *grpc;
    grpc_metadata_array initial, trailing;
    grpc_status_code status;
    grpc_slice details;
    const atomic_bool *cancelled; /* the caller's */
    bool cancel_sent;
};

/* ---- connections ---- */

static bool
hung_up(const struct connection *conn)
{
    struct pollfd p = {.fd = conn->watch_fd, .events = POLLRDHUP};

    return poll(&p, 1, 0) > 0 && p.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

static void
connection_unref(struct channel *ch, struct connection *conn)
{
    unsigned left;

    if (!conn)
        return;
    (void) pthread_mutex_lock(&ch->lock);
    left = --conn->refs;
    (void) pthread_mutex_unlock(&ch->lock);
    if (left)
        return;
    grpc_channel_destroy(conn->grpc);
    (void) fd_close(conn->watch_fd);
    free(conn);
}

static int
socket_connect(const char *path, struct err *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = CONNECT_SECONDS};
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return err_sys(err, errno, "make a socket");
    (void) strncpy(addr.sun_path, path, sizeof addr.sun_path - 1);
    (void) setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *) &addr, sizeof addr) < 0)
        return err_set(err, errno == EACCES ? CODE_PERMISSION_DENIED : CODE_UNAVAILABLE,
                       "connect to %s: %s", path, strerror(errno));
    if (fd_set_nonblock(fd) < 0)
        return err_sys(err, errno, "make a socket non-blocking");
    return TAKE_FD(fd);
}

static int
connection_new(struct channel *ch, struct connection **ret, struct err *err)
{
    struct connection *conn;
    int fd, watch_fd;

    fd = socket_connect(ch->path, err);
    if (fd < 0)
        return fd;
    watch_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (watch_fd < 0) {
        (void) fd_close(fd);
        return err_sys(err, errno, "duplicate a socket");
    }
    grpc_core_start();
    if (!ch->creds)
        ch->creds = grpc_insecure_credentials_create();
    conn = xcalloc(1, sizeof *conn);
    *conn = (struct connection){.watch_fd = watch_fd, .refs = 1};
    conn->grpc = grpc_channel_create_from_fd("localhost", fd, ch->creds, grpc_core_args());
    *ret = conn;
    return 0;
}

/* A connection that lives, with a reference. */
static int
connection_get(struct channel *ch, struct connection **ret, struct err *err)
{
    struct connection *dead = NULL;
    int r = 0;

    (void) pthread_mutex_lock(&ch->lock);
    if (ch->conn && hung_up(ch->conn))
        dead = TAKE(ch->conn);
    if (!ch->conn)
        r = connection_new(ch, &ch->conn, err);
    if (r == 0) {
        ch->conn->refs++;
        *ret = ch->conn;
    }
    (void) pthread_mutex_unlock(&ch->lock);
    connection_unref(ch, dead);
    return r;
}

/* ---- queues ---- */

static grpc_completion_queue *
queue_get(struct channel *ch)
{
    grpc_completion_queue *cq = NULL;

    (void) pthread_mutex_lock(&ch->lock);
    if (ch->n_spare)
        cq = ch->spare[--ch->n_spare];
    (void) pthread_mutex_unlock(&ch->lock);
    return cq ? cq : grpc_completion_queue_create_for_pluck(NULL);
}

static void
queue_destroy(grpc_completion_queue *cq)
{
    grpc_event ev;

    grpc_completion_queue_shutdown(cq);
    ev = grpc_completion_queue_pluck(cq, NULL, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    assert(ev.type == GRPC_QUEUE_SHUTDOWN);
    grpc_completion_queue_destroy(cq);
}

/* Nothing may be in flight on it. */
static void
queue_put(struct channel *ch, grpc_completion_queue *cq)
{
    (void) pthread_mutex_lock(&ch->lock);
    if (ch->n_spare < SPARE_QUEUES)
        ch->spare[ch->n_spare++] = TAKE(cq);
    (void) pthread_mutex_unlock(&ch->lock);
    if (cq)
        queue_destroy(cq);
}

/* ---- calls ---- */

static int
call_init(struct client_call *c, struct channel *ch, const struct call_ctx *ctx,
          const ProtobufCServiceDescriptor *svc, const ProtobufCMethodDescriptor *method,
          struct err *err)
{
    char path[512];
    grpc_slice name;
    int r;

    *c = (struct client_call){.ch = ch, .cancelled = ctx->cancelled};
    if (call_ctx_cancelled(ctx))
        return err_set(err, CODE_CANCELED, "the call was cancelled");
    if (ctx->deadline_ns && ctx->deadline_ns <= clock_mono_ns())
        return err_set(err, CODE_DEADLINE_EXCEEDED, "the deadline passed");
    r = connection_get(ch, &c->conn, err);
    if (r < 0)
        return r;
    (void) snprintf(path, sizeof path, "/%s/%s", svc->name, method->name);
    name = grpc_slice_from_copied_string(path);
    c->cq = queue_get(ch);
    c->grpc = grpc_channel_create_call(c->conn->grpc, NULL, GRPC_PROPAGATE_DEFAULTS, c->cq, name,
                                       NULL, grpc_core_time(ctx->deadline_ns), NULL);
    grpc_slice_unref(name);
    grpc_metadata_array_init(&c->initial);
    grpc_metadata_array_init(&c->trailing);
    c->details = grpc_empty_slice();
    return 0;
}

/* Everything started has been waited for. */
static void
call_done(struct client_call *c)
{
    grpc_slice_unref(c->details);
    grpc_metadata_array_destroy(&c->initial);
    grpc_metadata_array_destroy(&c->trailing);
    grpc_call_unref(c->grpc);
    queue_put(c->ch, c->cq);
    connection_unref(c->ch, c->conn);
}

static void
batch_start(struct client_call *c, const grpc_op *ops, size_t n, void *tag)
{
    grpc_call_error e;

    grpc_core_given(c);
    e = grpc_call_start_batch(c->grpc, ops, n, tag, NULL);
    assert(e == GRPC_CALL_OK);
}

/* Waits for the tag; the deadline ends the call inside gRPC, a cancelled caller is noticed here. */
static bool
tag_wait(struct client_call *c, void *tag)
{
    gpr_timespec until;
    grpc_event ev;

    for (;;) {
        until = c->cancelled && !c->cancel_sent ? grpc_core_time(clock_mono_ns() + CANCEL_POLL_NS)
                                                : gpr_inf_future(GPR_CLOCK_MONOTONIC);
        ev = grpc_completion_queue_pluck(c->cq, tag, until, NULL);
        if (ev.type == GRPC_OP_COMPLETE) {
            grpc_core_taken(c);
            return ev.success;
        }
        if (c->cancelled && atomic_load(c->cancelled)) {
            c->cancel_sent = true;
            (void) grpc_call_cancel_with_status(c->grpc, GRPC_STATUS_CANCELLED,
                                                "the call was cancelled", NULL);
        }
    }
}

struct metadata {
    grpc_metadata items[2];
    size_t n;
};

static void
metadata_add(struct metadata *m, const char *key, const char *value)
{
    if (value)
        m->items[m->n++] = (grpc_metadata){.key = grpc_slice_from_static_string(key),
                                           .value = grpc_slice_from_copied_string(value)};
}

static void
metadata_make(struct metadata *m, const struct call_ctx *ctx)
{
    m->n = 0;
    metadata_add(m, "containerd-namespace", ctx->ns);
    metadata_add(m, "containerd-lease", ctx->lease);
}

static void
metadata_done(struct metadata *m)
{
    for (size_t i = 0; i < m->n; i++)
        grpc_slice_unref(m->items[i].value);
}

/* What the server (or gRPC in its stead) said at the end. */
static int
call_status(const struct client_call *c, struct err *err)
{
    int n = (int) GRPC_SLICE_LENGTH(c->details), code = (int) c->status;
    const char *text = (const char *) GRPC_SLICE_START_PTR(c->details);

    if (code == CODE_OK)
        return 0;
    if (code < 0 || code > CODE_MAX)
        code = CODE_UNKNOWN;
    if (code == CODE_UNAVAILABLE && hung_up(c->conn))
        return err_set(err, code, "%s: the connection was closed: %.*s", c->ch->path, n, text);
    if (n == 0)
        return err_set(err, code, "%s", code_name(code));
    return err_set(err, code, "%.*s", n, text);
}

static grpc_op
status_op(struct client_call *c)
{
    return (grpc_op){.op = GRPC_OP_RECV_STATUS_ON_CLIENT,
                     .data.recv_status_on_client = {.trailing_metadata = &c->trailing,
                                                    .status = &c->status,
                                                    .status_details = &c->details}};
}

static int
channel_invoke(struct rpc_channel *base, const struct call_ctx *ctx,
               const ProtobufCServiceDescriptor *svc, const ProtobufCMethodDescriptor *method,
               const ProtobufCMessage *request, struct arena *arena, void **ret_reply,
               struct err *err)
{
    struct channel *ch = CONTAINER_OF(base, struct channel, base);
    grpc_byte_buffer *bytes, *reply = NULL;
    struct client_call c;
    struct metadata meta;
    int r;

    r = grpc_core_pack(request, &bytes, err);
    if (r < 0)
        return r;
    r = call_init(&c, ch, ctx, svc, method, err);
    if (r < 0) {
        grpc_byte_buffer_destroy(bytes);
        return r;
    }
    metadata_make(&meta, ctx);
    grpc_op ops[] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA,
         .data.send_initial_metadata = {.count = meta.n, .metadata = meta.items}},
        {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = bytes},
        {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
        {.op = GRPC_OP_RECV_INITIAL_METADATA,
         .data.recv_initial_metadata.recv_initial_metadata = &c.initial},
        {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &reply},
        status_op(&c),
    };
    batch_start(&c, ops, ARRAY_LEN(ops), &c);
    grpc_byte_buffer_destroy(bytes);
    (void) tag_wait(&c, &c);
    metadata_done(&meta);
    r = call_status(&c, err);
    if (r == 0 && !reply)
        r = err_set(err, CODE_INTERNAL, "%s/%s answered nothing", svc->name, method->name);
    if (r == 0)
        r = grpc_core_unpack(method->output, arena, TAKE(reply), ret_reply, err);
    if (reply)
        grpc_byte_buffer_destroy(reply);
    call_done(&c);
    return r;
}

/* ---- streams ---- */

struct stream {
    struct rpc_stream base;
    struct client_call call;
    const ProtobufCMethodDescriptor *method;
    struct metadata meta;
    bool send_busy, send_failed, closed, initial_busy, status_busy;
    grpc_byte_buffer *received;
    char send_tag, recv_tag, initial_tag, status_tag;
};

static const struct rpc_channel_ops channel_ops;

static int
channel_stream_open(struct rpc_channel *base, const struct call_ctx *ctx,
                    const ProtobufCServiceDescriptor *svc, const ProtobufCMethodDescriptor *method,
                    struct rpc_stream **ret, struct err *err)
{
    struct channel *ch = CONTAINER_OF(base, struct channel, base);
    struct stream *s = xcalloc(1, sizeof *s);
    grpc_op op;
    int r;

    r = call_init(&s->call, ch, ctx, svc, method, err);
    if (r < 0) {
        free(s);
        return r;
    }
    s->base.ops = &channel_ops;
    s->method = method;
    op = status_op(&s->call);
    batch_start(&s->call, &op, 1, &s->status_tag);
    s->status_busy = true;
    metadata_make(&s->meta, ctx);
    op = (grpc_op){.op = GRPC_OP_SEND_INITIAL_METADATA,
                   .data.send_initial_metadata = {.count = s->meta.n, .metadata = s->meta.items}};
    batch_start(&s->call, &op, 1, &s->send_tag);
    s->send_busy = true;
    op = (grpc_op){.op = GRPC_OP_RECV_INITIAL_METADATA,
                   .data.recv_initial_metadata.recv_initial_metadata = &s->call.initial};
    batch_start(&s->call, &op, 1, &s->initial_tag);
    s->initial_busy = true;
    *ret = &s->base;
    return 0;
}

static void
send_wait(struct stream *s)
{
    if (s->send_busy && !tag_wait(&s->call, &s->send_tag))
        s->send_failed = true;
    s->send_busy = false;
}

/* The final word; the call is over after this. */
static int
stream_status(struct stream *s, struct err *err)
{
    if (s->status_busy)
        (void) tag_wait(&s->call, &s->status_tag);
    s->status_busy = false;
    return call_status(&s->call, err);
}

static int
send_refused(struct stream *s, struct err *err)
{
    int r = stream_status(s, err);

    return r < 0 ? r : err_set(err, CODE_CANCELED, "the call has ended");
}

static int
channel_stream_send(struct rpc_stream *base, const ProtobufCMessage *msg, struct err *err)
{
    struct stream *s = CONTAINER_OF(base, struct stream, base);
    grpc_byte_buffer *bytes;
    grpc_op op;
    int r;

    assert(!s->closed);
    r = grpc_core_pack(msg, &bytes, err);
    if (r < 0)
        return r;
    send_wait(s);
    if (s->send_failed) {
        grpc_byte_buffer_destroy(bytes);
        return send_refused(s, err);
    }
    op = (grpc_op){.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = bytes};
    batch_start(&s->call, &op, 1, &s->send_tag);
    s->send_busy = true;
    grpc_byte_buffer_destroy(bytes);
    return 0;
}

static int
channel_stream_close_send(struct rpc_stream *base, struct err *err)
{
    struct stream *s = CONTAINER_OF(base, struct stream, base);
    grpc_op op = {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};

    if (s->closed)
        return 0;
    send_wait(s);
    if (s->send_failed)
        return send_refused(s, err);
    s->closed = true;
    batch_start(&s->call, &op, 1, &s->send_tag);
    s->send_busy = true;
    return 0;
}

static int
channel_stream_recv(struct rpc_stream *base, struct arena *arena, void **ret_msg, struct err *err)
{
    struct stream *s = CONTAINER_OF(base, struct stream, base);
    grpc_op op = {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &s->received};
    int r;

    if (s->status_busy) {
        batch_start(&s->call, &op, 1, &s->recv_tag);
        (void) tag_wait(&s->call, &s->recv_tag);
    }
    if (!s->received)
        return stream_status(s, err);
    r = grpc_core_unpack(s->method->output, arena, TAKE(s->received), ret_msg, err);
    return r < 0 ? r : 1;
}

static void
channel_stream_free(struct rpc_stream *base)
{
    struct stream *s = CONTAINER_OF(base, struct stream, base);

    if (s->status_busy) {
        s->call.cancel_sent = true;
        (void) grpc_call_cancel(s->call.grpc, NULL);
        (void) stream_status(s, NULL);
    }
    send_wait(s);
    if (s->initial_busy)
        (void) tag_wait(&s->call, &s->initial_tag);
    metadata_done(&s->meta);
    call_done(&s->call);
    free(s);
}

/* ---- the channel ---- */

static void
channel_free(struct rpc_channel *base)
{
    struct channel *ch = CONTAINER_OF(base, struct channel, base);

    connection_unref(ch, ch->conn);
    while (ch->n_spare)
        queue_destroy(ch->spare[--ch->n_spare]);
    if (ch->creds)
        grpc_channel_credentials_release(ch->creds);
    (void) pthread_mutex_destroy(&ch->lock);
    free(ch->path);
    free(ch);
}

static const struct rpc_channel_ops channel_ops = {
    .invoke = channel_invoke,
    .stream_open = channel_stream_open,
    .stream_send = channel_stream_send,
    .stream_close_send = channel_stream_close_send,
    .stream_recv = channel_stream_recv,
    .stream_free = channel_stream_free,
    .free = channel_free,
};

int
grpc_channel_open(const char *address, struct rpc_channel **ret, struct err *err)
{
    struct channel *ch;
    const char *path;
    int r;

    r = grpc_core_socket_path(address, &path, err);
    if (r < 0)
        return r;
    ch = xcalloc(1, sizeof *ch);
    ch->base.ops = &channel_ops;
    ch->path = xstrdup(path);
    (void) pthread_mutex_init(&ch->lock, NULL);
    *ret = &ch->base;
    return 0;
}
