/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serves rpc tables over gRPC.
 *
 * One completion queue carries everything: new calls and the completion of every operation. At least one thread (a
 * poller) always waits on it. A poller that receives a new call first sees to it that another thread polls, then
 * runs the handler itself, to the end; afterwards it polls again or, when enough others do, parks for a while and then
 * ends. Handlers that wait for an operation sleep on their call's condition, a poller wakes them. So
 * threads are as many as calls are running plus a few, any number of blocked streams leaves the queue served, and a
 * client that vanishes is noticed while its handler works.
 *
 * Each method has one request outstanding (`armed`), renewed when a call has taken it. With threads_max handlers
 * running, further calls wait in `pending`, one for each method; the rest wait inside gRPC.
 *
 * A call is freed with its last reference: the handler holds one, each operation in flight another.
 * Lock order: host->lock and call->lock are never held together.
 */
#include "grpc_server.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/rpc/rpc_call.h"
#include "api/rpc/rpc_log.h"
#include "api/rpc/rpc_wire.h"
#include "grpc_core.h"
#include "grpc_health.h"
#include "grpc_listener.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/log.h"

#define THREADS_MAX_DEFAULT 256
#define POLLERS_MAX         2  /* idle threads that wait on the queue */
#define PARK_SECONDS        10 /* a parked thread ends after this */

enum tag_kind { TAG_NEW, TAG_RECV, TAG_SEND, TAG_CLOSE, TAG_STATUS, TAG_SHUTDOWN };

struct call;

struct tag {
    enum tag_kind kind;
    struct call *call;
};

struct method {
    struct rpc_route route; /* row NULL: calls of names that no row has */
    char *name;             /* "package.Service/Method" */
    void *registered;
};

struct call {
    struct rpc_call base;
    struct grpc_service_host *host;
    struct method *method;
    struct call *next; /* pending */
    grpc_call *grpc;
    grpc_call_details details; /* unknown methods */
    gpr_timespec deadline;
    grpc_metadata_array meta;
    grpc_byte_buffer *payload;
    struct tag new_tag, recv_tag, send_tag, close_tag, status_tag;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned refs;
    bool recv_busy, recv_failed, send_busy, send_failed;

    /* Written by gRPC while the operation runs. */
    int close_cancelled;
    grpc_byte_buffer *received;

    /* The handler's thread only. */
    bool recv_started, meta_sent;
    struct arena recv_arena;
};

struct grpc_service_host {
    grpc_server *server;
    grpc_completion_queue *cq;
    grpc_server_credentials *creds;
    struct grpc_listener *listener;
    struct grpc_health health;
    struct rpc_service *services; /* with health */
    size_t n_services;
    struct method *methods; /* the last is the one for unknown names */
    size_t n_methods;
    struct tag shutdown_tag;
    unsigned threads_max;

    pthread_mutex_t lock;
    pthread_cond_t wake;                                /* parked threads */
    pthread_cond_t ended;                               /* grpc_server_stop, health watchers */
    unsigned threads, pollers, parked, running, wanted; /* wanted: parked threads that shall poll */
    struct call *pending, **pending_end;
    int64_t idle_since_ns;
    bool stopping, shut_down;
};

static void *thread_main(void *arg);

static bool
has_request(const struct rpc_route *route)
{
    return route->row->kind == RPC_UNARY || route->row->kind == RPC_SERVER_STREAM;
}

static void
cond_init(pthread_cond_t *c)
{
    pthread_condattr_t attr;

    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void) pthread_cond_init(c, &attr);
    (void) pthread_condattr_destroy(&attr);
}

static struct timespec
from_now(int64_t ns)
{
    int64_t at = clock_mono_ns() + ns;

    return (struct timespec){.tv_sec = at / NS_PER_S, .tv_nsec = at % NS_PER_S};
}

/* ---- calls ---- */

static void
method_arm(struct grpc_service_host *h, struct method *m)
{
    struct call *c = xcalloc(1, sizeof *c);
    grpc_call_error e;

    c->host = h;
    c->method = m;
    c->refs = 1;
    c->new_tag = (struct tag){TAG_NEW, c};
    c->recv_tag = (struct tag){TAG_RECV, c};
    c->send_tag = (struct tag){TAG_SEND, c};
    c->close_tag = (struct tag){TAG_CLOSE, c};
    c->status_tag = (struct tag){TAG_STATUS, c};
    grpc_metadata_array_init(&c->meta);
    (void) pthread_mutex_init(&c->lock, NULL);
    cond_init(&c->changed);
    grpc_core_given(&c->new_tag);
    if (m->registered) {
        e = grpc_server_request_registered_call(
            h->server, m->registered, &c->grpc, &c->deadline, &c->meta,
            has_request(&m->route) ? &c->payload : NULL, h->cq, h->cq, &c->new_tag);
    } else {
        grpc_call_details_init(&c->details);
        e = grpc_server_request_call(h->server, &c->grpc, &c->details, &c->meta, h->cq, h->cq,
                                     &c->new_tag);
    }
    assert(e == GRPC_CALL_OK);
}

static void
call_release(struct call *c)
{
    if (!c->method->registered)
        grpc_call_details_destroy(&c->details);
    grpc_metadata_array_destroy(&c->meta);
    if (c->payload)
        grpc_byte_buffer_destroy(c->payload);
    if (c->received)
        grpc_byte_buffer_destroy(c->received);
    if (c->grpc)
        grpc_call_unref(c->grpc);
    arena_done(&c->recv_arena);
    rpc_call_done(&c->base);
    (void) pthread_cond_destroy(&c->changed);
    (void) pthread_mutex_destroy(&c->lock);
    free(c);
}

static void
call_unref(struct call *c)
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
batch_start(struct call *c, const grpc_op *ops, size_t n, struct tag *tag, bool *busy)
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
static void
call_completed(struct tag *tag, bool ok)
{
    struct call *c = tag->call;
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
    if (cancelled) {
        (void) pthread_mutex_lock(&c->host->lock);
        (void) pthread_cond_broadcast(&c->host->ended);
        (void) pthread_mutex_unlock(&c->host->lock);
    }
    call_unref(c);
}

/* Waits for an operation to end; false when one of its kind has failed. */
static bool
op_wait(struct call *c, const bool *busy, const bool *failed)
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
recv_start(struct call *c)
{
    grpc_op op = {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &c->received};

    c->recv_started = true;
    batch_start(c, &op, 1, &c->recv_tag, &c->recv_busy);
}

/*
 * One message is read ahead, so that the network works while the handler does.
 *
 * "No message" means half-close, but also that the call was cancelled, which is told by another completion a moment later.
 * A second, empty read passes through the same queues and so comes after that one.
 */
static int
server_recv(struct rpc_call *base, const void **ret_msg, struct err *err)
{
    struct call *c = CONTAINER_OF(base, struct call, base);
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
meta_op(struct call *c, grpc_op *op)
{
    if (c->meta_sent)
        return 0;
    c->meta_sent = true;
    *op = (grpc_op){.op = GRPC_OP_SEND_INITIAL_METADATA};
    return 1;
}

/* Returns when gRPC has taken the message; the next call waits until the peer's window had room for it. */
static int
server_send(struct rpc_call *base, const ProtobufCMessage *msg, struct err *err)
{
    struct call *c = CONTAINER_OF(base, struct call, base);
    grpc_byte_buffer *bytes;
    grpc_op ops[2];
    size_t n;
    int r;

    r = grpc_core_pack(msg, &bytes, err);
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

static const struct rpc_call_ops server_ops = {.recv = server_recv, .send = server_send};

/* ---- running a call ---- */

static bool
slice_is(grpc_slice s, const char *prefix)
{
    size_t n = strlen(prefix);

    return GRPC_SLICE_LENGTH(s) >= n && !memcmp(GRPC_SLICE_START_PTR(s), prefix, n);
}

static void
meta_take(struct call *c)
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
unknown_method(struct call *c, struct err *err)
{
    const char *name = (const char *) GRPC_SLICE_START_PTR(c->details.method);
    size_t n = GRPC_SLICE_LENGTH(c->details.method);
    const char *slash = n > 1 ? memrchr(name, '/', n) : NULL;
    struct rpc_route route;
    int r;

    if (!slash || slash == name)
        return err_set(err, CODE_UNIMPLEMENTED, "malformed method name");
    r = rpc_route_find(c->host->services, c->host->n_services, name + 1,
                       (size_t) (slash - name) - 1, slash + 1, (size_t) (name + n - slash) - 1,
                       &route, err);
    return r < 0 ? r : err_set(err, CODE_UNIMPLEMENTED, "method is not served");
}

static int
handler_run(struct call *c, struct err *err)
{
    grpc_byte_buffer_reader reader;
    const void *p = NULL;
    void *copy = NULL;
    size_t n = 0;
    int r = 0;

    if (!c->method->registered)
        return unknown_method(c, err);
    if (c->payload)
        r = grpc_core_bytes(c->payload, &reader, &p, &n, &copy, err);
    else if (has_request(&c->base.route))
        r = err_set(err, CODE_INTERNAL, "the request message is missing");
    if (r == 0)
        r = rpc_call_run(&c->base, p, n, err);
    free(copy);
    if (p)
        grpc_byte_buffer_reader_destroy(&reader);
    return r;
}

static void
status_send(struct call *c, grpc_byte_buffer *reply, int r, const struct err *err)
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

static void
call_run(struct call *c)
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
    call_unref(c);
}

/* ---- threads ---- */

/* Called with the lock held, when nobody polls. */
static void
poller_find(struct grpc_service_host *h)
{
    pthread_attr_t attr;
    pthread_t thread;

    if (h->parked > h->wanted) {
        h->wanted++;
        (void) pthread_cond_signal(&h->wake);
        return;
    }
    (void) pthread_attr_init(&attr);
    (void) pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    h->threads++;
    h->pollers++;
    if (pthread_create(&thread, &attr, thread_main, h)) {
        h->threads--;
        h->pollers--;
        log_warn("no thread can be started, calls wait for those that run",
                 KV_INT("running", h->running));
    }
    (void) pthread_attr_destroy(&attr);
}

/* Runs calls until none waits. The caller polled and does so no more; host->running counts it. */
static void
calls_run(struct grpc_service_host *h, struct call *c)
{
    while (c) {
        call_run(c);
        (void) pthread_mutex_lock(&h->lock);
        c = h->pending;
        if (c && !(h->pending = c->next))
            h->pending_end = &h->pending;
        if (!c && --h->running == 0) {
            h->idle_since_ns = clock_mono_ns();
            (void) pthread_cond_broadcast(&h->ended);
        }
        (void) pthread_mutex_unlock(&h->lock);
        if (c)
            method_arm(h, c->method);
    }
}

/* A new call arrived at this poller. False: it is to go on polling. */
static bool
call_begin(struct grpc_service_host *h, struct call *c)
{
    bool run;

    (void) pthread_mutex_lock(&h->lock);
    run = h->running < h->threads_max;
    if (run) {
        h->running++;
        if (--h->pollers == 0)
            poller_find(h);
    } else {
        c->next = NULL;
        *h->pending_end = c;
        h->pending_end = &c->next;
    }
    (void) pthread_mutex_unlock(&h->lock);
    if (run)
        method_arm(h, c->method);
    return run;
}

/* After its calls: true when the thread shall poll again, false when it shall end. */
static bool
thread_rest(struct grpc_service_host *h)
{
    struct timespec until = from_now(PARK_SECONDS * NS_PER_S);
    bool poll;
    int r = 0;

    (void) pthread_mutex_lock(&h->lock);
    if (h->pollers >= POLLERS_MAX && !h->stopping) {
        h->parked++;
        while (!h->wanted && !h->stopping && r != ETIMEDOUT)
            r = pthread_cond_timedwait(&h->wake, &h->lock, &until);
        h->parked--;
        poll = h->wanted > 0;
        if (poll)
            h->wanted--;
    } else {
        poll = true;
    }
    if (poll || h->stopping) {
        poll = true;
        h->pollers++;
    }
    (void) pthread_mutex_unlock(&h->lock);
    return poll;
}

static void
thread_end(struct grpc_service_host *h)
{
    (void) pthread_mutex_lock(&h->lock);
    h->threads--;
    (void) pthread_cond_broadcast(&h->ended);
    (void) pthread_mutex_unlock(&h->lock);
}

static void *
thread_main(void *arg)
{
    struct grpc_service_host *h = arg;
    struct tag *tag;
    grpc_event ev;

    for (;;) {
        ev = grpc_completion_queue_next(h->cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        if (ev.type == GRPC_QUEUE_SHUTDOWN)
            break;
        tag = ev.tag;
        grpc_core_taken(tag);
        if (tag->kind == TAG_SHUTDOWN) {
            (void) pthread_mutex_lock(&h->lock);
            h->shut_down = true;
            (void) pthread_cond_broadcast(&h->ended);
            (void) pthread_mutex_unlock(&h->lock);
        } else if (tag->kind != TAG_NEW) {
            call_completed(tag, ev.success);
        } else if (!ev.success) {
            call_unref(tag->call); /* the server stops */
        } else if (call_begin(h, tag->call)) {
            calls_run(h, tag->call);
            if (!thread_rest(h))
                break;
        }
    }
    thread_end(h);
    return NULL;
}

/* ---- the server ---- */

static void
health_wait(struct rpc_call *base)
{
    struct grpc_service_host *h = CONTAINER_OF(base, struct call, base)->host;

    (void) pthread_mutex_lock(&h->lock);
    while (!h->stopping && !rpc_call_cancelled(base))
        (void) pthread_cond_wait(&h->ended, &h->lock);
    (void) pthread_mutex_unlock(&h->lock);
}

static void
connection_add(int fd, void *arg)
{
    struct grpc_service_host *h = arg;

    grpc_server_add_channel_from_fd(h->server, fd, h->creds);
}

static void
methods_make(struct grpc_service_host *h)
{
    const struct rpc_service *svc;
    struct method *m;
    char path[512];

    for (size_t i = 0; i < h->n_services; i++)
        h->n_methods += h->services[i].n_methods;
    h->methods = xcalloc(h->n_methods + 1, sizeof *h->methods);
    m = h->methods;
    for (size_t i = 0; i < h->n_services; i++) {
        svc = &h->services[i];
        for (size_t k = 0; k < svc->n_methods; k++, m++) {
            m->name = xasprintf("%s/%s", svc->desc->name, svc->methods[k].name);
            (void) rpc_route_find(svc, 1, svc->desc->name, strlen(svc->desc->name),
                                  svc->methods[k].name, strlen(svc->methods[k].name), &m->route,
                                  NULL);
            (void) snprintf(path, sizeof path, "/%s", m->name);
            m->registered = grpc_server_register_method(
                h->server, path, NULL,
                has_request(&m->route) ? GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER
                                       : GRPC_SRM_PAYLOAD_NONE,
                0);
            assert(m->registered);
        }
    }
    m->name = xstrdup("unknown");
    h->n_methods++;
}

static struct grpc_service_host *
host_new(const struct grpc_server_options *opt, const struct rpc_service *services, size_t n)
{
    struct grpc_service_host *h = xcalloc(1, sizeof *h);

    h->threads_max = opt->threads_max ? opt->threads_max : THREADS_MAX_DEFAULT;
    h->pending_end = &h->pending;
    h->idle_since_ns = clock_mono_ns();
    h->shutdown_tag.kind = TAG_SHUTDOWN;
    (void) pthread_mutex_init(&h->lock, NULL);
    cond_init(&h->wake);
    cond_init(&h->ended);
    h->n_services = n + 1;
    h->services = xcalloc(h->n_services, sizeof *services);
    if (n)
        memcpy(h->services, services, n * sizeof *services);
    h->health = (struct grpc_health){.services = h->services, .n = n, .wait = health_wait};
    h->services[n] = grpc_health_service(&h->health);

    grpc_core_start();
    h->server = grpc_server_create(grpc_core_args(), NULL);
    h->creds = grpc_insecure_server_credentials_create();
    h->cq = grpc_completion_queue_create_for_next(NULL);
    grpc_server_register_completion_queue(h->server, h->cq, NULL);
    methods_make(h);
    grpc_server_start(h->server);
    return h;
}

static void
host_free(struct grpc_service_host *h)
{
    grpc_server_destroy(h->server);
    grpc_completion_queue_destroy(h->cq);
    grpc_server_credentials_release(h->creds);
    for (size_t i = 0; i < h->n_methods; i++)
        free(h->methods[i].name);
    free(h->methods);
    free(h->services);
    (void) pthread_cond_destroy(&h->ended);
    (void) pthread_cond_destroy(&h->wake);
    (void) pthread_mutex_destroy(&h->lock);
    free(h);
}

static bool
all_ended(const struct grpc_service_host *h)
{
    return h->shut_down && !h->running && !h->pending;
}

/* Everything up to the listener is stopped. */
static void
host_stop(struct grpc_service_host *h, int grace_ms)
{
    struct timespec until = from_now(grace_ms * NS_PER_MS);
    int r = 0;

    (void) pthread_mutex_lock(&h->lock);
    h->stopping = true;
    (void) pthread_cond_broadcast(&h->wake);
    (void) pthread_cond_broadcast(&h->ended);
    (void) pthread_mutex_unlock(&h->lock);
    grpc_server_shutdown_and_notify(h->server, h->cq, &h->shutdown_tag);

    (void) pthread_mutex_lock(&h->lock);
    while (!all_ended(h) && r != ETIMEDOUT)
        r = pthread_cond_timedwait(&h->ended, &h->lock, &until);
    (void) pthread_mutex_unlock(&h->lock);
    if (r == ETIMEDOUT)
        grpc_server_cancel_all_calls(h->server);

    (void) pthread_mutex_lock(&h->lock);
    while (!all_ended(h))
        (void) pthread_cond_wait(&h->ended, &h->lock);
    (void) pthread_mutex_unlock(&h->lock);
    grpc_completion_queue_shutdown(h->cq);

    (void) pthread_mutex_lock(&h->lock);
    while (h->threads)
        (void) pthread_cond_wait(&h->ended, &h->lock);
    (void) pthread_mutex_unlock(&h->lock);
    host_free(h);
}

int
grpc_server_serve(const struct grpc_server_options *opt, const struct rpc_service *services,
                  size_t n, struct grpc_service_host **ret, struct err *err)
{
    struct grpc_service_host *h;
    const char *path = NULL;
    int r;

    r = rpc_services_check(services, n, err);
    if (r == 0 && opt->listen_fd < 0)
        r = grpc_core_socket_path(opt->address, &path, err);
    if (r < 0)
        return r;
    h = host_new(opt, services, n);
    (void) pthread_mutex_lock(&h->lock);
    poller_find(h);
    r = h->threads ? 0 : err_set(err, CODE_RESOURCE_EXHAUSTED, "no thread can be started");
    (void) pthread_mutex_unlock(&h->lock);
    if (r < 0) {
        grpc_server_shutdown_and_notify(h->server, h->cq, &h->shutdown_tag);
        (void) grpc_completion_queue_next(h->cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        grpc_completion_queue_shutdown(h->cq);
        (void) grpc_completion_queue_next(h->cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        host_free(h);
        return r;
    }
    for (size_t i = 0; i < h->n_methods; i++)
        method_arm(h, &h->methods[i]);
    r = grpc_listener_new(path, opt->listen_fd, opt->any_uid, connection_add, h, &h->listener, err);
    if (r < 0) {
        host_stop(h, 0);
        return r;
    }
    *ret = h;
    return 0;
}

unsigned
grpc_server_busy(const struct grpc_service_host *host, int64_t *ret_idle_since_ns)
{
    struct grpc_service_host *h = (struct grpc_service_host *) host;
    unsigned busy;

    (void) pthread_mutex_lock(&h->lock);
    busy = h->running;
    if (ret_idle_since_ns)
        *ret_idle_since_ns = h->idle_since_ns;
    (void) pthread_mutex_unlock(&h->lock);
    return busy;
}

void
grpc_server_stop(struct grpc_service_host *h, int grace_ms)
{
    if (!h)
        return;
    grpc_listener_free(h->listener);
    host_stop(h, grace_ms);
}
