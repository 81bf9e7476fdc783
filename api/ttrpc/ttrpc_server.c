/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serves rpc tables over ttrpc on an epoll loop.
 *
 * A call is its handler's until rpc_finish(); when its connection ends first (or its deadline passes) it is detached:
 * the handler's on_cancel runs and the answer, when it comes, is dropped. The connections are in the order of
 * their last frame, so that the oldest idle one is found at the front.
 */
#include "ttrpc_server.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "api/rpc/rpc_call.h"
#include "api/rpc/rpc_log.h"
#include "api/rpc/rpc_wire.h"
#include "github.com/containerd/ttrpc/request.pb-c.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/log.h"
#include "libross/base/mem_try.h"
#include "ttrpc_conn.h"

#define ACCEPTS_PER_TURN 16
#define CALLS_MAX        4096 /* unanswered calls of one connection */

struct call {
    struct rpc_call base;
    struct client *client; /* NULL once detached */
    struct call *prev, *next;
    struct loop_timer *deadline;
    int64_t started_ns;
    uint32_t stream_id;
    bool later; /* the handler returned RPC_LATER */
};

struct client {
    struct ttrpc_server *server;
    struct client *prev, *next;
    struct ttrpc_conn *conn; /* NULL while the client is being freed */
    struct call *calls;
    unsigned n_calls;
    uint32_t last_id;
    bool half_closed;
};

struct ttrpc_server {
    struct loop *loop;
    struct loop_io *listen_io;
    int listen_fd;
    int spare_fd; /* given up to accept and drop a connection when there are no descriptors left */
    struct rpc_service *services;
    size_t n_services;
    struct client *first, *last;
    unsigned n_clients;
};

/* ---- lists ---- */

static void
client_link(struct client *c)
{
    struct ttrpc_server *s = c->server;

    c->prev = s->last;
    c->next = NULL;
    if (s->last)
        s->last->next = c;
    else
        s->first = c;
    s->last = c;
}

static void
client_unlink(struct client *c)
{
    struct ttrpc_server *s = c->server;

    if (c->prev)
        c->prev->next = c->next;
    else
        s->first = c->next;
    if (c->next)
        c->next->prev = c->prev;
    else
        s->last = c->prev;
}

static void
call_detach(struct call *call)
{
    struct client *c = call->client;

    if (call->prev)
        call->prev->next = call->next;
    else
        c->calls = call->next;
    if (call->next)
        call->next->prev = call->prev;
    c->n_calls--;
    call->client = NULL;
    loop_timer_free(call->deadline);
    call->deadline = NULL;
}

static void
call_free(struct call *call)
{
    rpc_call_done(&call->base);
    free(call);
}

/* ---- answers ---- */

static void
client_free(struct client *c)
{
    struct ttrpc_server *s = c->server;
    struct call *call;

    ttrpc_conn_free(TAKE(c->conn));
    client_unlink(c);
    s->n_clients--;
    while ((call = c->calls)) {
        call_detach(call);
        rpc_call_cancel(&call->base);
    }
    free(c);
}

static void
send_response(struct client *c, uint32_t stream_id, const Ttrpc__Response *res)
{
    if (c->conn)
        (void) ttrpc_conn_send(c->conn, stream_id, TTRPC_RESPONSE, 0, &res->base, NULL);
}

static void
send_failure(struct client *c, uint32_t stream_id, const struct err *err)
{
    Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
    Ttrpc__Response res = TTRPC__RESPONSE__INIT;

    status.code = err->code;
    status.message = (char *) err->msg;
    res.status = &status;
    send_response(c, stream_id, &res);
}

static int
send_reply(struct client *c, struct call *call, const ProtobufCMessage *reply, struct err *err)
{
    size_t n = protobuf_c_message_get_packed_size(reply);
    Ttrpc__Response res = TTRPC__RESPONSE__INIT;
    auto_free uint8_t *big = NULL;
    uint8_t small[512];

    if (!c->conn)
        return 0;
    if (n > TTRPC_FRAME_MAX)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "answer of %zu bytes exceeds %d", n,
                       TTRPC_FRAME_MAX);
    if (n > sizeof small) {
        big = mem_try_realloc(NULL, n);
        if (!big)
            return err_set(err, CODE_RESOURCE_EXHAUSTED, "no memory for an answer of %zu bytes", n);
    }
    res.payload.data = big ? big : small;
    res.payload.len = protobuf_c_message_pack(reply, res.payload.data);
    return ttrpc_conn_send(c->conn, call->stream_id, TTRPC_RESPONSE, 0, &res.base, err);
}

static void
log_failure(const struct call *call, const struct err *err)
{
    char name[256];

    (void) snprintf(name, sizeof name, "%s/%s", call->base.route.svc->desc->name,
                    call->base.route.row->name);
    rpc_log_failure(name, err, clock_mono_ns() - call->started_ns);
}

/* Answers a call that is still attached. */
static void
call_answer(struct call *call, int r, const ProtobufCMessage *reply, struct err *err)
{
    struct client *c = call->client;

    if (r == 0)
        r = send_reply(c, call, reply, err);
    if (r < 0) {
        log_failure(call, err);
        send_failure(c, call->stream_id, err);
    }
}

/* A half-closed client stays until its last answer is on its way. */
static bool
client_finished(const struct client *c)
{
    return c->conn && c->half_closed && !c->calls && !ttrpc_conn_unsent(c->conn);
}

static void
server_finish(struct rpc_call *base, int r, const ProtobufCMessage *reply, const struct err *err)
{
    struct call *call = CONTAINER_OF(base, struct call, base);
    struct client *c = call->client;
    struct err own = *err;

    if (c) {
        call_answer(call, r, reply ? reply : base->reply, &own);
        call_detach(call);
    }
    /* Within the handler the dispatcher still looks at the call. */
    if (call->later)
        call_free(call);
    else
        call->later = true;
    if (c && client_finished(c))
        client_free(c);
}

static const struct rpc_call_ops server_call_ops = {.finish = server_finish};

/* ---- requests ---- */

static void
deadline_passed(void *arg)
{
    struct call *call = arg;
    struct client *c = call->client;
    struct err err = {0};

    call->deadline = NULL;
    (void) err_set(&err, CODE_DEADLINE_EXCEEDED, "the deadline passed");
    call_answer(call, -CODE_DEADLINE_EXCEEDED, NULL, &err);
    call_detach(call);
    if (client_finished(c))
        client_free(c);
    rpc_call_cancel(&call->base);
}

static struct call *
call_new(struct client *c, uint32_t stream_id, const struct rpc_route *route,
         const Ttrpc__Request *req)
{
    struct call *call = xcalloc(1, sizeof *call);
    const Ttrpc__KeyValue *kv;

    rpc_call_init(&call->base, &server_call_ops, route);
    call->started_ns = clock_mono_ns();
    call->stream_id = stream_id;
    for (size_t i = 0; i < req->n_metadata; i++) {
        kv = req->metadata[i];
        rpc_call_meta(&call->base, kv->key, strlen(kv->key), kv->value, strlen(kv->value));
    }
    if (req->timeout_nano > 0 && req->timeout_nano < INT64_MAX - call->started_ns)
        call->base.ctx.deadline_ns = call->started_ns + req->timeout_nano;
    call->client = c;
    call->next = c->calls;
    if (c->calls)
        c->calls->prev = call;
    c->calls = call;
    c->n_calls++;
    return call;
}

static void
call_run(struct call *call, const ProtobufCBinaryData *payload)
{
    struct err err = {0};
    int r;

    r = rpc_call_run(&call->base, payload->data, payload->len, &err);
    if (r == RPC_LATER && !call->later) { /* else it was finished within the handler */
        call->later = true;
        if (call->client && call->base.ctx.deadline_ns)
            call->deadline = loop_timer_add(call->client->server->loop, call->base.ctx.deadline_ns,
                                            deadline_passed, call);
        return;
    }
    if (r != RPC_LATER && call->client)
        call_answer(call, r, call->base.reply, &err);
    if (call->client)
        call_detach(call);
    call_free(call);
}

static int
request_dispatch(struct client *c, uint32_t stream_id, uint8_t flags, const Ttrpc__Request *req,
                 struct err *err)
{
    struct ttrpc_server *s = c->server;
    struct rpc_route route;
    int r;

    r = rpc_route_find(s->services, s->n_services, req->service, strlen(req->service), req->method,
                       strlen(req->method), &route, err);
    if (r < 0)
        return r;
    if (!rpc_kind_is_unary(route.row->kind) || flags & TTRPC_REMOTE_OPEN)
        return err_set(err, CODE_UNIMPLEMENTED, "%s/%s is not served as a stream", req->service,
                       req->method);
    if (c->n_calls >= CALLS_MAX)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "more than %d calls at the same time",
                       CALLS_MAX);
    call_run(call_new(c, stream_id, &route, req), &req->payload);
    return 0;
}

static int
request_receive(struct client *c, const struct ttrpc_frame *frame, struct err *err)
{
    struct arena arena = {0};
    void *req;
    int r;

    r = rpc_unpack(&ttrpc__request__descriptor, &arena, frame->payload, frame->h.length, &req, err);
    if (r < 0) {
        if (r == -CODE_INTERNAL && err)
            err->code = CODE_INVALID_ARGUMENT; /* reference 2.5 */
        r = err_wrap(err, r == -CODE_INTERNAL ? -CODE_INVALID_ARGUMENT : r, "unpack request");
    } else {
        r = request_dispatch(c, frame->h.stream_id, frame->h.flags, req, err);
    }
    arena_done(&arena);
    return r;
}

static void
client_frame(void *arg, const struct ttrpc_frame *frame)
{
    const struct ttrpc_header *h = &frame->h;
    struct client *c = arg;
    struct err err = {0};
    int r = 0;

    client_unlink(c);
    client_link(c);
    if (frame->skipped) {
        r = err_set(&err, CODE_RESOURCE_EXHAUSTED, "message length %u exceeds maximum %d",
                    h->length, TTRPC_FRAME_MAX);
    } else if (h->type == TTRPC_DATA) {
        r = err_set(&err, CODE_INVALID_ARGUMENT, "stream %u is not active", h->stream_id);
    } else if (h->type == TTRPC_REQUEST && h->stream_id % 2 == 0) {
        r = err_set(&err, CODE_INVALID_ARGUMENT, "stream id %u of a client is not odd",
                    h->stream_id);
    } else if (h->type == TTRPC_REQUEST && h->stream_id <= c->last_id) {
        r = err_set(&err, CODE_INVALID_ARGUMENT, "stream id %u is not above the last one",
                    h->stream_id);
    } else if (h->type == TTRPC_REQUEST) {
        c->last_id = h->stream_id;
        r = request_receive(c, frame, &err);
    }
    if (r < 0) {
        send_failure(c, h->stream_id, &err);
        log_debug("call refused", KV_ERR(&err));
    }
}

static void
client_ended(void *arg, bool half)
{
    struct client *c = arg;

    c->half_closed = half;
    if (!half || client_finished(c))
        client_free(c);
}

/* ---- connections ---- */

static bool
peer_allowed(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return false;
    if (peer.uid == 0 || (peer.uid == geteuid() && peer.gid == getegid()))
        return true;
    log_warn("connection of a foreign user refused", KV_INT("uid", peer.uid),
             KV_INT("gid", peer.gid), KV_INT("pid", peer.pid));
    return false;
}

static struct client *
oldest_idle(struct ttrpc_server *s)
{
    struct client *c = s->first;

    while (c && (c->calls || ttrpc_conn_unsent(c->conn)))
        c = c->next;
    return c;
}

/* Takes fd. */
static void
client_new(struct ttrpc_server *s, int fd)
{
    static const struct ttrpc_conn_ops ops = {.frame = client_frame, .ended = client_ended};
    struct client *c, *idle;

    if (s->n_clients >= TTRPC_CONNS_MAX) {
        idle = oldest_idle(s);
        if (!idle) {
            log_warn("connection refused, too many are open");
            (void) fd_close(fd);
            return;
        }
        client_free(idle);
    }
    c = xcalloc(1, sizeof *c);
    c->server = s;
    if (ttrpc_conn_new(s->loop, fd, TTRPC_UNSENT_MAX, &ops, c, &c->conn, NULL) < 0) {
        free(c);
        return;
    }
    client_link(c);
    s->n_clients++;
}

/* Without descriptors a waiting connection cannot be accepted and the loop would spin: accept it with the spare one. */
static void
drop_one(struct ttrpc_server *s)
{
    s->spare_fd = fd_close(s->spare_fd);
    (void) fd_close(accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC));
    s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    log_warn("connection dropped, no file descriptors are left");
}

static void
server_accept(struct loop_io *io, uint32_t events, void *arg)
{
    struct ttrpc_server *s = arg;
    int fd;

    (void) io;
    (void) events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE))
            drop_one(s);
        if (fd < 0)
            return;
        if (peer_allowed(fd))
            client_new(s, fd);
        else
            (void) fd_close(fd);
    }
}

int
ttrpc_server_new(struct loop *loop, int listen_fd, const struct rpc_service *services, size_t n,
                 struct ttrpc_server **ret, struct err *err)
{
    struct ttrpc_server *s;
    int r;

    r = rpc_services_check(services, n, err);
    if (r < 0)
        return r;
    if (fd_set_nonblock(listen_fd) < 0)
        return err_sys(err, errno, "make the listening socket non-blocking");
    s = xcalloc(1, sizeof *s);
    s->loop = loop;
    s->listen_fd = listen_fd;
    s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    s->services = xreallocarray(NULL, n, sizeof *services);
    memcpy(s->services, services, n * sizeof *services);
    s->n_services = n;
    r = loop_io_add(loop, listen_fd, EPOLLIN, server_accept, s, &s->listen_io, err);
    if (r < 0) {
        ttrpc_server_free(s);
        return r;
    }
    *ret = s;
    return 0;
}

void
ttrpc_server_free(struct ttrpc_server *s)
{
    struct client *c;

    if (!s)
        return;
    while ((c = s->first)) {
        s->first = c->next;
        client_free(c);
    }
    loop_io_free(s->listen_io);
    (void) fd_close(s->spare_fd);
    free(s->services);
    free(s);
}

bool
ttrpc_server_flushed(const struct ttrpc_server *s)
{
    for (const struct client *c = s->first; c; c = c->next)
        if (ttrpc_conn_unsent(c->conn))
            return false;
    return true;
}
