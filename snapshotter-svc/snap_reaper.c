/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The background thread of the snapshotter.
 *
 * Jobs are ids in an array, answered in order and in batches: take all, make sure that the deletion of their rows is on
 * disk (one sync a batch: a power cut must not bring back a row whose directories are gone), remove their trees. A
 * batch is started REAP_DELAY_NS after its first job so that a burst of removals shares the sync and does not
 * compete with the calls that make it; a waiting snap_reaper_drain() starts it at once. What cannot be removed
 * stays in `failed` and is tried again with the next drain.
 */
#include "snap_reaper.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "libross/base/clock.h"
#include "libross/base/log.h"

#define REAP_DELAY_NS (100 * NS_PER_MS)
#define SYNC_DELAY_NS (1000 * NS_PER_MS)
#define STOP_TIME_NS  (2000 * NS_PER_MS)
#define REAPER_NICE   10

struct ids {
    uint64_t *items;
    size_t n, room;
};

struct snap_reaper {
    struct snap_meta *meta;
    struct snap_dirs *dirs;
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t wake;  /* the thread waits here */
    pthread_cond_t ended; /* drains wait here for `batches` */
    struct ids queue, failed;
    int64_t reap_at_ns, sync_at_ns; /* 0 = nothing to do */
    uint64_t batches;               /* ended so far; the search at the start is the first */
    struct err last_failure;        /* of the last batch */
    unsigned drains;                /* waiting */
    bool busy, stop;
    int64_t stop_at_ns; /* with `stop`: when to leave even with work left */
};

static void
ids_add(struct ids *v, uint64_t id)
{
    if (v->n == v->room) {
        v->room = v->room ? 2 * v->room : 64;
        v->items = xreallocarray(v->items, v->room, sizeof *v->items);
    }
    v->items[v->n++] = id;
}

/* At the end there is a little time for what is queued; the rest is found again at the next start. */
static bool
out_of_time(struct snap_reaper *r)
{
    bool out;

    (void) pthread_mutex_lock(&r->lock);
    out = r->stop && clock_mono_ns() > r->stop_at_ns;
    (void) pthread_mutex_unlock(&r->lock);
    return out;
}

/* One batch. What fails is kept in *failed, the first reason in *err. */
static void
reap(struct snap_reaper *r, const struct ids *batch, struct ids *failed, struct err *err)
{
    struct err e = {0};

    if (batch->n && snap_meta_sync(r->meta, &e) < 0) {
        for (size_t i = 0; i < batch->n; i++)
            ids_add(failed, batch->items[i]);
        *err = e;
        return;
    }
    for (size_t i = 0; i < batch->n && !out_of_time(r); i++) {
        e = (struct err){0};
        if (snap_dirs_remove(r->dirs, batch->items[i], &e) == 0)
            continue;
        log_warn("cannot remove the directories of a removed snapshot, will try again",
                 KV_INT("id", (int64_t) batch->items[i]), KV_ERR(&e));
        ids_add(failed, batch->items[i]);
        if (!err->code)
            *err = e;
    }
}

struct search {
    struct snap_reaper *reaper;
    struct ids found;
};

static int
is_orphan(uint64_t id, const char *name, void *arg, struct err *err)
{
    struct search *s = arg;
    struct snap_meta *m = s->reaper->meta;
    enum snapshot_kind kind;
    size_t parents;

    (void) name;
    (void) err;
    if (id >= snap_meta_known_from(m) && id < snap_meta_first_new_id(m) &&
        !snap_meta_by_id(m, id, &kind, &parents))
        ids_add(&s->found, id);
    return 0;
}

static void
search_orphans(struct snap_reaper *r)
{
    struct search s = {.reaper = r};
    struct ids failed = {0};
    struct err err = {0};

    (void) snap_dirs_each(r->dirs, is_orphan, &s, &err);
    if (s.found.n)
        log_info("removing directories of snapshots that are no more",
                 KV_INT("count", (int64_t) s.found.n));
    reap(r, &s.found, &failed, &err);
    free(s.found.items);
    (void) pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < failed.n; i++)
        ids_add(&r->failed, failed.items[i]);
    r->last_failure = err;
    r->batches++;
    (void) pthread_cond_broadcast(&r->ended);
    (void) pthread_mutex_unlock(&r->lock);
    free(failed.items);
}

/* The lock is held and given up meanwhile. */
static void
run_batch(struct snap_reaper *r)
{
    struct ids batch = r->queue, failed = {0};
    struct err err = {0};

    r->queue = (struct ids){0};
    r->reap_at_ns = 0;
    r->sync_at_ns = 0;
    r->busy = true;
    (void) pthread_mutex_unlock(&r->lock);
    reap(r, &batch, &failed, &err);
    if (!batch.n)
        (void) snap_meta_sync(r->meta, &err);
    free(batch.items);
    (void) pthread_mutex_lock(&r->lock);
    r->busy = false;
    for (size_t i = 0; i < failed.n; i++)
        ids_add(&r->failed, failed.items[i]);
    free(failed.items);
    r->last_failure = err;
    r->batches++;
    (void) pthread_cond_broadcast(&r->ended);
}

/* When there is something to do: 0 = now, -1 = nothing in sight, else that point in time. */
static int64_t
due_at(const struct snap_reaper *r)
{
    int64_t at = r->reap_at_ns && (!r->sync_at_ns || r->reap_at_ns < r->sync_at_ns) ? r->reap_at_ns
                                                                                    : r->sync_at_ns;

    if (r->stop || r->drains)
        return 0;
    return at ? at : -1;
}

static void
wait_until(struct snap_reaper *r, int64_t at_ns)
{
    struct timespec ts = {.tv_sec = at_ns / NS_PER_S, .tv_nsec = at_ns % NS_PER_S};

    if (at_ns < 0)
        (void) pthread_cond_wait(&r->wake, &r->lock);
    else
        (void) pthread_cond_timedwait(&r->wake, &r->lock, &ts);
}

static void *
run(void *arg)
{
    struct snap_reaper *r = arg;
    int64_t at;

    (void) setpriority(PRIO_PROCESS, (id_t) gettid(), REAPER_NICE);
    search_orphans(r);
    (void) pthread_mutex_lock(&r->lock);
    while (!r->stop) {
        at = due_at(r);
        if (at != 0 && (at < 0 || clock_mono_ns() < at)) {
            wait_until(r, at);
            continue;
        }
        if (r->drains)
            r->drains = 0;
        run_batch(r);
    }
    run_batch(r);
    (void) pthread_mutex_unlock(&r->lock);
    return NULL;
}

struct snap_reaper *
snap_reaper_start(struct snap_meta *meta, struct snap_dirs *dirs)
{
    struct snap_reaper *r = xcalloc(1, sizeof *r);
    pthread_condattr_t attr;
    sigset_t all, before;

    r->meta = meta;
    r->dirs = dirs;
    (void) pthread_mutex_init(&r->lock, NULL);
    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&r->wake, &attr);
    (void) pthread_cond_init(&r->ended, NULL);
    (void) pthread_condattr_destroy(&attr);
    (void) sigfillset(&all); /* signals are the main thread's business */
    (void) pthread_sigmask(SIG_BLOCK, &all, &before);
    if (pthread_create(&r->thread, NULL, run, r) != 0) {
        log_error("cannot start a thread");
        abort();
    }
    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r;
}

void
snap_reaper_stop(struct snap_reaper *r)
{
    if (!r)
        return;
    (void) pthread_mutex_lock(&r->lock);
    r->stop = true;
    r->stop_at_ns = clock_mono_ns() + STOP_TIME_NS;
    (void) pthread_cond_signal(&r->wake);
    (void) pthread_mutex_unlock(&r->lock);
    (void) pthread_join(r->thread, NULL);
    free(r->queue.items);
    free(r->failed.items);
    (void) pthread_mutex_destroy(&r->lock);
    (void) pthread_cond_destroy(&r->wake);
    (void) pthread_cond_destroy(&r->ended);
    free(r);
}

/* The thread needs waking only when nothing was due; else it finds out by itself. */
static void
set_due(struct snap_reaper *r, int64_t *at_ns, int64_t delay_ns)
{
    bool asleep = due_at(r) < 0;

    if (*at_ns)
        return;
    *at_ns = clock_mono_ns() + delay_ns;
    if (asleep || delay_ns < SYNC_DELAY_NS)
        (void) pthread_cond_signal(&r->wake);
}

void
snap_reaper_add(struct snap_reaper *r, uint64_t id)
{
    (void) pthread_mutex_lock(&r->lock);
    ids_add(&r->queue, id);
    set_due(r, &r->reap_at_ns, REAP_DELAY_NS);
    (void) pthread_mutex_unlock(&r->lock);
}

void
snap_reaper_wrote(struct snap_reaper *r)
{
    (void) pthread_mutex_lock(&r->lock);
    set_due(r, &r->sync_at_ns, SYNC_DELAY_NS);
    (void) pthread_mutex_unlock(&r->lock);
}

int
snap_reaper_drain(struct snap_reaper *r, struct err *err)
{
    uint64_t until;
    int code = 0;

    (void) pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < r->failed.n; i++)
        ids_add(&r->queue, r->failed.items[i]);
    r->failed.n = 0;
    /* The batch that starts from now on, which is not the one that runs already (nor the search at the start). */
    until = r->batches + (r->busy || r->batches == 0 ? 2 : 1);
    r->drains++;
    (void) pthread_cond_signal(&r->wake);
    while (r->batches < until)
        (void) pthread_cond_wait(&r->ended, &r->lock);
    if (r->last_failure.code) {
        if (err)
            *err = r->last_failure;
        code = -r->last_failure.code;
    }
    (void) pthread_mutex_unlock(&r->lock);
    return code;
}
