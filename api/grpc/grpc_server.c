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
 * Lock order: host->lock and a call's lock are never held together.
 */
#include "grpc_server.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "grpc_core.h"
#include "grpc_health.h"
#include "grpc_listener.h"
#include "libross/base/clock.h"
#include "libross/base/log.h"
#include "server_call.h"

#define THREADS_MAX_DEFAULT 256
#define POLLERS_MAX                                                                                \
    1 /* idle threads that wait on the queue: a second one would be woken for nothing */
#define PARK_SECONDS 10 /* a parked thread ends after this */

struct grpc_service_host {
    struct server_calls calls;
    grpc_server_credentials *creds;
    struct grpc_listener *listener;
    struct grpc_health health;
    struct rpc_service *services; /* with health */
    size_t n_services;
    struct server_method *methods; /* the last is the one for unknown names */
    size_t n_methods;
    struct server_tag shutdown_tag;
    unsigned threads_max;

    pthread_mutex_t lock;
    pthread_cond_t wake;                                /* parked threads */
    pthread_cond_t ended;                               /* grpc_server_stop, health watchers */
    unsigned threads, pollers, parked, running, wanted; /* wanted: parked threads that shall poll */
    struct server_call *pending, **pending_end;
    int64_t idle_since_ns;
    bool stopping, shut_down;
};

static void *thread_main(void *arg);

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
calls_run(struct grpc_service_host *h, struct server_call *c)
{
    while (c) {
        server_call_run(c);
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
            server_call_arm(&h->calls, c->method);
    }
}

/* A new call arrived at this poller. False: it is to go on polling. */
static bool
call_begin(struct grpc_service_host *h, struct server_call *c)
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
        server_call_arm(&h->calls, c->method);
    return run;
}

static bool
is_quick(const struct server_call *c)
{
    return c->method->registered && c->method->route.row->kind == RPC_QUICK;
}

/* Without handing the queue to another thread first: that would take longer than the call. */
static void
call_run_here(struct grpc_service_host *h, struct server_call *c)
{
    (void) pthread_mutex_lock(&h->lock);
    h->running++;
    (void) pthread_mutex_unlock(&h->lock);
    server_call_arm(&h->calls, c->method);
    server_call_run(c);
    (void) pthread_mutex_lock(&h->lock);
    if (--h->running == 0) {
        h->idle_since_ns = clock_mono_ns();
        (void) pthread_cond_broadcast(&h->ended);
    }
    (void) pthread_mutex_unlock(&h->lock);
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
    struct server_tag *tag;
    grpc_event ev;

    for (;;) {
        ev = grpc_completion_queue_next(h->calls.cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
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
            server_call_completed(tag, ev.success);
        } else if (!ev.success) {
            server_call_unref(tag->call); /* the server stops */
        } else if (is_quick(tag->call)) {
            call_run_here(h, tag->call);
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
    struct grpc_service_host *h = CONTAINER_OF(CONTAINER_OF(base, struct server_call, base)->all,
                                               struct grpc_service_host, calls);

    (void) pthread_mutex_lock(&h->lock);
    while (!h->stopping && !rpc_call_cancelled(base))
        (void) pthread_cond_wait(&h->ended, &h->lock);
    (void) pthread_mutex_unlock(&h->lock);
}

/* A watcher may wait for its call. */
static void
call_cancelled(struct server_calls *calls)
{
    struct grpc_service_host *h = CONTAINER_OF(calls, struct grpc_service_host, calls);

    (void) pthread_mutex_lock(&h->lock);
    (void) pthread_cond_broadcast(&h->ended);
    (void) pthread_mutex_unlock(&h->lock);
}

static void
connection_add(int fd, void *arg)
{
    struct grpc_service_host *h = arg;

    grpc_server_add_channel_from_fd(h->calls.server, fd, h->creds);
}

static void
methods_make(struct grpc_service_host *h)
{
    const struct rpc_service *svc;
    struct server_method *m;
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
                h->calls.server, path, NULL,
                server_method_has_request(&m->route) ? GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER
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
    h->calls.services = h->services;
    h->calls.n_services = h->n_services;
    h->calls.cancelled = call_cancelled;

    grpc_core_start();
    h->calls.server = grpc_server_create(grpc_core_args(), NULL);
    h->creds = grpc_insecure_server_credentials_create();
    h->calls.cq = grpc_completion_queue_create_for_next(NULL);
    grpc_server_register_completion_queue(h->calls.server, h->calls.cq, NULL);
    methods_make(h);
    grpc_server_start(h->calls.server);
    return h;
}

static void
host_free(struct grpc_service_host *h)
{
    grpc_server_destroy(h->calls.server);
    grpc_completion_queue_destroy(h->calls.cq);
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
    grpc_server_shutdown_and_notify(h->calls.server, h->calls.cq, &h->shutdown_tag);

    (void) pthread_mutex_lock(&h->lock);
    while (!all_ended(h) && r != ETIMEDOUT)
        r = pthread_cond_timedwait(&h->ended, &h->lock, &until);
    (void) pthread_mutex_unlock(&h->lock);
    if (r == ETIMEDOUT)
        grpc_server_cancel_all_calls(h->calls.server);

    (void) pthread_mutex_lock(&h->lock);
    while (!all_ended(h))
        (void) pthread_cond_wait(&h->ended, &h->lock);
    (void) pthread_mutex_unlock(&h->lock);
    grpc_completion_queue_shutdown(h->calls.cq);

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
        grpc_server_shutdown_and_notify(h->calls.server, h->calls.cq, &h->shutdown_tag);
        (void) grpc_completion_queue_next(h->calls.cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        grpc_completion_queue_shutdown(h->calls.cq);
        (void) grpc_completion_queue_next(h->calls.cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        host_free(h);
        return r;
    }
    for (size_t i = 0; i < h->n_methods; i++)
        server_call_arm(&h->calls, &h->methods[i]);
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
