/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls rpc services over ttrpc from programs with threads.
 *
 * There is no reader thread. A thread that waits for an answer becomes the reader when nobody else reads: it takes
 * frames from the socket and gives them to the calls they belong to, until its own has what it waits for; then
 * another waiting thread takes over. Whoever reads owns `in`; everything else is under `lock`. `write_lock` keeps
 * frames whole and stream ids in order; it is taken before `lock`.
 *
 * The kind of a stream shows only in what its caller does, and ttrpc wants to know it first (reference 2.4). So
 * the first message is held back: followed by close, it is the request of a server-side stream; by anything else,
 * data of a stream that is open from our side.
 */
#include "ttrpc_channel.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "api/rpc/rpc_wire.h"
#include "github.com/containerd/ttrpc/request.pb-c.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/mem_try.h"
#include "ttrpc_dial.h"
#include "ttrpc_frame.h"

#define READ_SIZE      16384
#define CANCEL_POLL_NS (20 * NS_PER_MS) /* how often a waiting call looks at ctx->cancelled */
#define QUEUE_MAX      4096             /* messages of a stream that its caller has not taken */
#define QUEUE_BYTES    (16 * 1024 * 1024)

struct packed {
    struct packed *next;
    size_t n;
    unsigned char bytes[];
};

struct channel;

/* A call of any kind. */
struct stream {
    struct rpc_stream base;
    struct channel *ch;
    struct stream *next;
    const ProtobufCServiceDescriptor *svc;
    const ProtobufCMethodDescriptor *method;
    struct call_ctx ctx; /* of the caller; ns is ours */
    char *ns;
    uint32_t id; /* 0 until the request is sent */
    bool closed; /* our side */
    struct packed *held;

    struct packed *first, **last; /* received */
    size_t n, bytes;
    bool ended;
    struct err end; /* code 0 is success */
};

struct channel {
    struct rpc_channel base;
    char *address;
    int fd;
    pthread_mutex_t write_lock;
    uint32_t next_id;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool reading, broken;
    struct stream *streams;
    struct ttrpc_reader in;
};

/* ---- messages ---- */

static int
packed_new(const ProtobufCMessage *msg, struct packed **ret, struct err *err)
{
    size_t n = protobuf_c_message_get_packed_size(msg);
    struct packed *p;

    if (n > TTRPC_FRAME_MAX)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "message of %zu bytes exceeds %d", n,
                       TTRPC_FRAME_MAX);
    p = mem_try_realloc(NULL, sizeof *p + n);
    if (!p)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "no memory for a message of %zu bytes", n);
    p->next = NULL;
    p->n = protobuf_c_message_pack(msg, p->bytes);
    *ret = p;
    return 0;
}

static int
closed_err(const struct channel *ch, struct err *err)
{
    return err_set(err, CODE_UNAVAILABLE, "%s: the connection was closed", ch->address);
}

static int
patience(const struct call_ctx *ctx, struct err *err)
{
    if (call_ctx_cancelled(ctx))
        return err_set(err, CODE_CANCELED, "the call was cancelled");
    if (ctx->deadline_ns && clock_mono_ns() >= ctx->deadline_ns)
        return err_set(err, CODE_DEADLINE_EXCEEDED, "the deadline passed");
    return 0;
}

/* When a waiting call looks around next; 0 = not before something happens. */
static int64_t
look_at_ns(const struct call_ctx *ctx)
{
    int64_t at = ctx->cancelled ? clock_mono_ns() + CANCEL_POLL_NS : 0;

    return ctx->deadline_ns && (!at || ctx->deadline_ns < at) ? ctx->deadline_ns : at;
}

static int
ms_until(int64_t at_ns)
{
    int64_t ns = at_ns - clock_mono_ns();

    if (!at_ns)
        return -1;
    return ns <= 0 ? 0 : (int) (ns / NS_PER_MS > 60000 ? 60000 : ns / NS_PER_MS + 1);
}

/* ---- sending ---- */

static void
channel_break(struct channel *ch)
{
    (void) pthread_mutex_lock(&ch->lock);
    ch->broken = true;
    (void) shutdown(ch->fd, SHUT_RDWR);
    (void) pthread_cond_broadcast(&ch->changed);
    (void) pthread_mutex_unlock(&ch->lock);
}

/* With the write lock. Giving up within a frame would leave the peer out of step: the connection ends then. */
static int
write_all(struct channel *ch, const struct call_ctx *ctx, const unsigned char *p, size_t n,
          struct err *err)
{
    struct pollfd pfd = {.fd = ch->fd, .events = POLLOUT};
    size_t at = 0;
    ssize_t got;
    int r;

    while (at < n) {
        got = send(ch->fd, p + at, n - at, MSG_NOSIGNAL);
        if (got >= 0) {
            at += (size_t) got;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN) {
            channel_break(ch);
            return closed_err(ch, err);
        }
        r = patience(ctx, err);
        if (r < 0) {
            if (at)
                channel_break(ch);
            return r;
        }
        (void) poll(&pfd, 1, ms_until(look_at_ns(ctx)));
    }
    return 0;
}

static int
frame_write(struct channel *ch, const struct call_ctx *ctx, uint32_t id, enum ttrpc_type type,
            uint8_t flags, const struct packed *payload, struct err *err)
{
    struct ttrpc_header h = {.length = payload ? (uint32_t) payload->n : 0,
                             .stream_id = id,
                             .type = (uint8_t) type,
                             .flags = flags};
    size_t n = TTRPC_HEADER_SIZE + h.length;
    auto_free unsigned char *bytes = mem_try_realloc(NULL, n);

    if (!bytes)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "no memory for a message of %zu bytes", n);
    ttrpc_header_format(&h, bytes);
    if (payload)
        memcpy(bytes + TTRPC_HEADER_SIZE, payload->bytes, payload->n);
    return write_all(ch, ctx, bytes, n, err);
}

/* Registers the call and sends its request. */
static int
request_send(struct stream *s, uint8_t flags, const struct packed *payload, struct err *err)
{
    Ttrpc__KeyValue kv = TTRPC__KEY_VALUE__INIT, *list[] = {&kv};
    Ttrpc__Request req = TTRPC__REQUEST__INIT;
    auto_free struct packed *packed = NULL;
    struct channel *ch = s->ch;
    int64_t now = clock_mono_ns();
    bool broken;
    int r;

    req.service = (char *) s->svc->name;
    req.method = (char *) s->method->name;
    if (payload)
        req.payload = (ProtobufCBinaryData){.len = payload->n, .data = (uint8_t *) payload->bytes};
    if (s->ctx.deadline_ns)
        req.timeout_nano = s->ctx.deadline_ns > now ? s->ctx.deadline_ns - now : 1;
    if (s->ctx.ns) {
        kv.key = (char *) "containerd-namespace-ttrpc";
        kv.value = (char *) s->ctx.ns;
        req.metadata = list;
        req.n_metadata = 1;
    }
    r = packed_new(&req.base, &packed, err);
    if (r < 0)
        return r;
    (void) pthread_mutex_lock(&ch->write_lock);
    (void) pthread_mutex_lock(&ch->lock);
    broken = ch->broken || ch->next_id >= UINT32_MAX - 2;
    if (!broken) {
        s->id = ch->next_id;
        ch->next_id += 2;
        s->next = ch->streams;
        ch->streams = s;
    }
    (void) pthread_mutex_unlock(&ch->lock);
    r = broken ? closed_err(ch, err)
               : frame_write(ch, &s->ctx, s->id, TTRPC_REQUEST, flags, packed, err);
    (void) pthread_mutex_unlock(&ch->write_lock);
    return r;
}

static int
data_send(struct stream *s, uint8_t flags, const struct packed *payload, struct err *err)
{
    int r;

    (void) pthread_mutex_lock(&s->ch->write_lock);
    r = frame_write(s->ch, &s->ctx, s->id, TTRPC_DATA, flags, payload, err);
    (void) pthread_mutex_unlock(&s->ch->write_lock);
    return r;
}

/* ---- receiving ---- */

static void
stream_put(struct stream *s, const void *bytes, size_t n)
{
    struct packed *p = NULL;

    if (s->n < QUEUE_MAX && s->bytes + n <= QUEUE_BYTES)
        p = mem_try_realloc(NULL, sizeof *p + n);
    if (!p) {
        s->ended = true;
        (void) err_set(&s->end, CODE_RESOURCE_EXHAUSTED, "the stream has too many unread messages");
        return;
    }
    p->next = NULL;
    p->n = n;
    if (n)
        memcpy(p->bytes, bytes, n);
    *s->last = p;
    s->last = &p->next;
    s->n++;
    s->bytes += n;
}

static void
stream_response(struct stream *s, const struct ttrpc_frame *frame)
{
    const Ttrpc__Response *res;
    struct arena arena = {0};
    void *msg;
    int code;

    if (rpc_unpack(&ttrpc__response__descriptor, &arena, frame->payload, frame->h.length, &msg,
                   &s->end) == 0) {
        res = msg;
        code = res->status ? res->status->code : 0;
        if (code < 0 || code > CODE_MAX)
            code = CODE_UNKNOWN;
        if (code)
            (void) err_set(&s->end, code, "%s", res->status->message);
        else
            stream_put(s, res->payload.data, res->payload.len);
    }
    s->ended = true;
    arena_done(&arena);
}

/* With the lock. Frames of calls that nobody waits for any more are dropped. */
static void
frame_deliver(struct channel *ch, const struct ttrpc_frame *frame)
{
    struct stream *s = ch->streams;

    while (s && s->id != frame->h.stream_id)
        s = s->next;
    if (!s || s->ended)
        return;
    if (frame->skipped) {
        s->ended = true;
        (void) err_set(&s->end, CODE_RESOURCE_EXHAUSTED, "message of %u bytes is too large",
                       frame->h.length);
    } else if (frame->h.type == TTRPC_RESPONSE) {
        stream_response(s, frame);
    } else if (frame->h.type == TTRPC_DATA) {
        if (!(frame->h.flags & TTRPC_NO_DATA))
            stream_put(s, frame->payload, frame->h.length);
        s->ended |= (frame->h.flags & TTRPC_REMOTE_CLOSED) != 0;
    }
}

/* The reader's turn, called and left with the lock held. */
static void
read_some(struct channel *ch, const struct call_ctx *ctx)
{
    struct pollfd pfd = {.fd = ch->fd, .events = POLLIN};
    unsigned char bytes[READ_SIZE];
    const unsigned char *p = bytes;
    struct ttrpc_frame frame;
    size_t left;
    ssize_t n;

    ch->reading = true;
    (void) pthread_mutex_unlock(&ch->lock);
    n = recv(ch->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        (void) poll(&pfd, 1, ms_until(look_at_ns(ctx)));
        n = recv(ch->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        n = -2; /* nothing yet */
    (void) pthread_mutex_lock(&ch->lock);
    ch->reading = false;
    if (n == 0 || n == -1)
        ch->broken = true;
    left = n > 0 ? (size_t) n : 0;
    while (left && ttrpc_reader_next(&ch->in, &p, &left, &frame))
        frame_deliver(ch, &frame);
    (void) pthread_cond_broadcast(&ch->changed);
}

/* 1 and a message of the stream (malloc'ed), 0 at its end, or its error. */
static int
stream_take(struct stream *s, struct packed **ret, struct err *err)
{
    struct channel *ch = s->ch;
    struct timespec ts;
    int64_t at;
    int r = 0;

    (void) pthread_mutex_lock(&ch->lock);
    while (!s->first && !s->ended && !ch->broken && (r = patience(&s->ctx, err)) == 0) {
        if (!ch->reading) {
            read_some(ch, &s->ctx);
        } else if ((at = look_at_ns(&s->ctx))) {
            ts = (struct timespec){.tv_sec = at / NS_PER_S, .tv_nsec = at % NS_PER_S};
            (void) pthread_cond_timedwait(&ch->changed, &ch->lock, &ts);
        } else {
            (void) pthread_cond_wait(&ch->changed, &ch->lock);
        }
    }
    if (s->first) {
        *ret = s->first;
        s->first = s->first->next;
        if (!s->first)
            s->last = &s->first;
        s->n--;
        s->bytes -= (*ret)->n;
        r = 1;
    } else if (s->ended && s->end.code) {
        if (err)
            *err = s->end;
        r = -s->end.code;
    } else if (!s->ended && r == 0) {
        r = closed_err(ch, err);
    }
    (void) pthread_cond_broadcast(&ch->changed); /* somebody else may read now */
    (void) pthread_mutex_unlock(&ch->lock);
    return r;
}

/* ---- calls ---- */

static const struct rpc_channel_ops channel_ops;

static void
stream_init(struct stream *s, struct channel *ch, const struct call_ctx *ctx,
            const ProtobufCServiceDescriptor *svc, const ProtobufCMethodDescriptor *method)
{
    *s = (struct stream){
        .base.ops = &channel_ops, .ch = ch, .svc = svc, .method = method, .ctx = *ctx};
    s->ns = ctx->ns ? xstrdup(ctx->ns) : NULL;
    s->ctx.ns = s->ns;
    s->last = &s->first;
}

static void
stream_done(struct stream *s)
{
    struct channel *ch = s->ch;
    struct packed *p;

    (void) pthread_mutex_lock(&ch->lock);
    for (struct stream **at = &ch->streams; *at; at = &(*at)->next)
        if (*at == s) {
            *at = s->next;
            break;
        }
    (void) pthread_mutex_unlock(&ch->lock);
    while ((p = s->first)) {
        s->first = p->next;
        free(p);
    }
    free(s->held);
    free(s->ns);
}

static int
channel_invoke(struct rpc_channel *base, const struct call_ctx *ctx,
               const ProtobufCServiceDescriptor *svc, const ProtobufCMethodDescriptor *method,
               const ProtobufCMessage *request, struct arena *arena, void **ret_reply,
               struct err *err)
{
    struct channel *ch = CONTAINER_OF(base, struct channel, base);
    auto_free struct packed *payload = NULL, *reply = NULL;
    struct stream s;
    int r;

    r = patience(ctx, err);
    if (r == 0)
        r = packed_new(request, &payload, err);
    if (r < 0)
        return r;
    stream_init(&s, ch, ctx, svc, method);
    r = request_send(&s, 0, payload, err);
    if (r == 0)
        r = stream_take(&s, &reply, err);
    if (reply)
        r = rpc_unpack(method->output, arena, reply->bytes, reply->n, ret_reply, err);
    else if (r == 0)
        r = err_set(err, CODE_INTERNAL, "%s/%s answered nothing", svc->name, method->name);
    stream_done(&s);
    return r;
}

static int
channel_stream_open(struct rpc_channel *base, const struct call_ctx *ctx,
                    const ProtobufCServiceDescriptor *svc, const ProtobufCMethodDescriptor *method,
                    struct rpc_stream **ret, struct err *err)
{
    struct stream *s;
    int r = patience(ctx, err);

    if (r < 0)
        return r;
    s = xmalloc(sizeof *s);
    stream_init(s, CONTAINER_OF(base, struct channel, base), ctx, svc, method);
    *ret = &s->base;
    return 0;
}

/* Opens the stream from our side, and sends what was held back. */
static int
stream_start(struct stream *s, struct err *err)
{
    int r;

    if (s->id)
        return 0;
    r = request_send(s, TTRPC_REMOTE_OPEN, NULL, err);
    if (r == 0 && s->held)
        r = data_send(s, 0, s->held, err);
    free(TAKE(s->held));
    return r;
}

/* After the server's last word nothing is sent any more. */
static int
stream_open_check(struct stream *s, struct err *err)
{
    bool ended;
    int r = 0;

    (void) pthread_mutex_lock(&s->ch->lock);
    ended = s->ended;
    if (ended && s->end.code) {
        r = -s->end.code;
        if (err)
            *err = s->end;
    } else if (ended) {
        r = err_set(err, CODE_CANCELED, "the call has ended");
    }
    (void) pthread_mutex_unlock(&s->ch->lock);
    return r;
}

static int
channel_stream_send(struct rpc_stream *base, const ProtobufCMessage *msg, struct err *err)
{
    struct stream *s = CONTAINER_OF(base, struct stream, base);
    auto_free struct packed *p = NULL;
    int r;

    assert(!s->closed);
    r = stream_open_check(s, err);
    if (r == 0)
        r = packed_new(msg, &p, err);
    if (r < 0)
        return r;
    if (!s->id && !s->held) {
        s->held = TAKE(p);
        return 0;
    }
    r = stream_start(s, err);
    return r < 0 ? r : data_send(s, 0, p, err);
}

static int
channel_stream_close_send(struct rpc_stream *base, struct err *err)
{
    struct stream *s = CONTAINER_OF(base, struct stream, base);
    int r;

    if (s->closed)
        return 0;
    s->closed = true;
    r = stream_open_check(s, err);
    if (r < 0)
        return r;
    if (!s->id && s->held) {
        r = request_send(s, TTRPC_REMOTE_CLOSED, s->held, err);
        free(TAKE(s->held));
        return r;
    }
    r = stream_start(s, err);
    return r < 0 ? r : data_send(s, TTRPC_REMOTE_CLOSED | TTRPC_NO_DATA, NULL, err);
}

static int
channel_stream_recv(struct rpc_stream *base, struct arena *arena, void **ret_msg, struct err *err)
{
    struct stream *s = CONTAINER_OF(base, struct stream, base);
    auto_free struct packed *p = NULL;
    int r;

    r = stream_start(s, err);
    if (r == 0)
        r = stream_take(s, &p, err);
    if (!p)
        return r;
    r = rpc_unpack(s->method->output, arena, p->bytes, p->n, ret_msg, err);
    return r < 0 ? r : 1;
}

/* ttrpc has no cancel: our side is closed, answers are dropped. */
static void
channel_stream_free(struct rpc_stream *base)
{
    struct stream *s = CONTAINER_OF(base, struct stream, base);

    if (s->id && !s->closed && stream_open_check(s, NULL) == 0)
        (void) data_send(s, TTRPC_REMOTE_CLOSED | TTRPC_NO_DATA, NULL, NULL);
    stream_done(s);
    free(s);
}

static void
channel_free(struct rpc_channel *base)
{
    struct channel *ch = CONTAINER_OF(base, struct channel, base);

    assert(!ch->streams);
    (void) fd_close(ch->fd);
    ttrpc_reader_done(&ch->in);
    (void) pthread_cond_destroy(&ch->changed);
    (void) pthread_mutex_destroy(&ch->lock);
    (void) pthread_mutex_destroy(&ch->write_lock);
    free(ch->address);
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
ttrpc_channel_open(const char *address, struct rpc_channel **ret, struct err *err)
{
    pthread_condattr_t attr;
    struct channel *ch;
    int fd;

    fd = ttrpc_dial(address, err);
    if (fd < 0)
        return fd;
    ch = xcalloc(1, sizeof *ch);
    ch->base.ops = &channel_ops;
    ch->address = xstrdup(address);
    ch->fd = fd;
    ch->next_id = 1;
    (void) pthread_mutex_init(&ch->write_lock, NULL);
    (void) pthread_mutex_init(&ch->lock, NULL);
    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&ch->changed, &attr);
    (void) pthread_condattr_destroy(&attr);
    *ret = &ch->base;
    return 0;
}
