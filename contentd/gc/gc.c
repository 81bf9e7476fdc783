/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector's thread.
 *
 * Deletions leave a wish. Who wants to wait gets a run that begins after the wish; other wishes are put together,
 * so that runs take no more than a fiftieth of the time.
 */
#include "gc.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "api/client/snapshots_client.h"
#include "api/grpc/grpc_channel.h"
#include "libross/base/clock.h"
#include "libross/base/log.h"

#define PAUSE_FACTOR 50 /* rest after a run, in times its length */

struct gc {
    struct gc_hook hook;
    struct db *db;
    struct content_store *store;
    char *snapshotter_address, *snapshotter;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    uint64_t wished, urgent; /* numbers of the last wish, and of the last that somebody waits for */
    uint64_t done;           /* wishes up to here have had their run */
    int last_r;              /* of the last run */
    struct err last_err;
    int64_t rest_until_ns;
    bool stopping;
};

/* *ret stays NULL when there is no snapshotter to ask; then *ret_channel too. */
static void
open_snapshots(const struct gc *g, struct rpc_channel **ret_channel, struct snapshots **ret)
{
    if (!*g->snapshotter_address || access(g->snapshotter_address, F_OK) ||
        grpc_channel_open(g->snapshotter_address, ret_channel, NULL) < 0)
        return;
    *ret = snapshots_client_new(*ret_channel, g->snapshotter);
}

static int
run_once(struct gc *g, struct err *err)
{
    AUTO_PTR(rpc_channel) ch = NULL;
    AUTO_PTR(snapshots) snapshots = NULL;
    struct gc_run run = {.db = g->db, .store = g->store, .snapshotter = g->snapshotter};
    struct gc_stats st = {0};
    int64_t started = clock_mono_ns();
    int r;

    open_snapshots(g, &ch, &snapshots);
    run.snapshots = snapshots;
    r = gc_run(&run, &st, err);
    if (r == -CODE_UNAVAILABLE && snapshots) {
        log_debug("the snapshotter does not answer, its snapshots stay", KV_ERR(err));
        run.snapshots = NULL;
        r = gc_run(&run, &st, err);
    }
    if (r < 0)
        log_warn("garbage collection failed", KV_ERR(err));
    else
        log_debug("collected garbage", KV_INT("blobs", st.blobs_removed),
                  KV_INT("bytes", st.bytes_removed), KV_INT("snapshots", st.snapshots_removed),
                  KV_INT("kept", st.blobs_kept), KV_MS("took", clock_mono_ns() - started));
    return r;
}

/* Waits for a wish whose time has come; false at the end. The lock is held. */
static bool
wait_for_wish(struct gc *g)
{
    while (!g->stopping && g->done >= g->urgent) {
        int64_t until = g->rest_until_ns;
        const struct timespec ts = {.tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S};

        if (g->done == g->wished)
            (void) pthread_cond_wait(&g->changed, &g->lock);
        else if (clock_mono_ns() >= until)
            return true;
        else
            (void) pthread_cond_timedwait(&g->changed, &g->lock, &ts);
    }
    return !g->stopping;
}

static void *
collector(void *arg)
{
    struct gc *g = arg;

    (void) pthread_mutex_lock(&g->lock);
    while (wait_for_wish(g)) {
        uint64_t upto = g->wished;
        int64_t started = clock_mono_ns(), ended;
        struct err e = {0};
        int r;

        (void) pthread_mutex_unlock(&g->lock);
        r = run_once(g, &e);
        ended = clock_mono_ns();
        (void) pthread_mutex_lock(&g->lock);
        g->last_r = r;
        g->last_err = e;
        g->done = upto;
        g->rest_until_ns = ended + PAUSE_FACTOR * (ended - started);
        (void) pthread_cond_broadcast(&g->changed);
    }
    (void) pthread_mutex_unlock(&g->lock);
    return NULL;
}

static int
on_deleted(struct gc_hook *h, bool wait, struct err *err)
{
    struct gc *g = CONTAINER_OF(h, struct gc, hook);
    uint64_t mine;
    int r = 0;

    (void) pthread_mutex_lock(&g->lock);
    mine = ++g->wished;
    if (wait)
        g->urgent = mine;
    (void) pthread_cond_broadcast(&g->changed);
    while (wait && g->done < mine && !g->stopping)
        (void) pthread_cond_wait(&g->changed, &g->lock);
    if (wait && g->done >= mine && g->last_r < 0) {
        r = g->last_r;
        if (err)
            *err = g->last_err;
    }
    (void) pthread_mutex_unlock(&g->lock);
    return r < 0 ? err_wrap(err, r, "garbage collection") : 0;
}

struct gc *
gc_start(struct db *db, struct content_store *store, const char *snapshotter_address,
         const char *snapshotter)
{
    struct gc *g = xcalloc(1, sizeof *g);
    pthread_condattr_t attr;
    sigset_t all, before;

    g->hook.deleted = on_deleted;
    g->db = db;
    g->store = store;
    g->snapshotter_address = xstrdup(snapshotter_address);
    g->snapshotter = xstrdup(snapshotter);
    (void) pthread_mutex_init(&g->lock, NULL);
    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&g->changed, &attr);
    (void) pthread_condattr_destroy(&attr);
    /* Signals are the main thread's. */
    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&g->thread, NULL, collector, g))
        abort(); /* at start, as when there is no memory */
    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
    return g;
}

struct gc_hook *
gc_hook_of(struct gc *g)
{
    return &g->hook;
}

void
gc_stop(struct gc *g)
{
    if (!g)
        return;
    (void) pthread_mutex_lock(&g->lock);
    g->stopping = true;
    (void) pthread_cond_broadcast(&g->changed);
    (void) pthread_mutex_unlock(&g->lock);
    (void) pthread_join(g->thread, NULL);
    (void) pthread_cond_destroy(&g->changed);
    (void) pthread_mutex_destroy(&g->lock);
    free(g->snapshotter_address);
    free(g->snapshotter);
    free(g);
}
