/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories that are made ahead: a stack of numbers of those that are ready, and a thread that is started by the
 * first burst and fills the stack while bursts last.
 */
#include "snap_spares.h"

#include <pthread.h>
#include <stdlib.h>

#include "libross/base/clock.h"
#include "libross/base/log.h"

#define SPARES_MAX 32
#define BURST      8                 /* that many of them … */
#define BURST_NS   (100 * NS_PER_MS) /* … in this time */

struct snap_spares {
    struct snap_dirs *dirs;

    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool started, wanted, stop;
    uint64_t ready[SPARES_MAX], next;
    unsigned n_ready;
    int64_t recent_ns[BURST]; /* a ring */
    unsigned at;
};

struct snap_spares *
snap_spares_new(struct snap_dirs *dirs)
{
    struct snap_spares *s = xcalloc(1, sizeof *s);
    struct err err = {0};

    s->dirs = dirs;
    s->next = 1;
    (void) pthread_mutex_init(&s->lock, NULL);
    (void) pthread_cond_init(&s->wake, NULL);
    if (snap_dirs_spares_remove(dirs, &err) < 0)
        log_debug("directories that were made ahead stay", KV_ERR(&err));
    return s;
}

void
snap_spares_free(struct snap_spares *s)
{
    if (!s)
        return;
    (void) pthread_mutex_lock(&s->lock);
    s->stop = true;
    (void) pthread_cond_signal(&s->wake);
    (void) pthread_mutex_unlock(&s->lock);
    if (s->started) {
        (void) pthread_join(s->thread, NULL);
        (void) snap_dirs_spares_remove(s->dirs, NULL); /* or at the next start */
    }
    (void) pthread_cond_destroy(&s->wake);
    (void) pthread_mutex_destroy(&s->lock);
    free(s);
}

/* The next one that it is good to have, with the lock given up meanwhile. */
static void
make_one(struct snap_spares *s)
{
    uint64_t number = s->next++;
    struct err err = {0};
    int r;

    (void) pthread_mutex_unlock(&s->lock);
    r = snap_dirs_spare_make(s->dirs, number, &err);
    (void) pthread_mutex_lock(&s->lock);
    if (r == 0) {
        s->ready[s->n_ready++] = number;
        return;
    }
    s->wanted = false; /* Prepare will say why, or the next burst does better */
    log_debug("cannot make a directory ahead", KV_ERR(&err));
}

static void *
run(void *arg)
{
    struct snap_spares *s = arg;

    (void) pthread_mutex_lock(&s->lock);
    while (!s->stop) {
        if (s->n_ready == SPARES_MAX)
            s->wanted = false;
        if (s->wanted)
            make_one(s);
        else
            (void) pthread_cond_wait(&s->wake, &s->lock);
    }
    (void) pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* Notes one more; true when there were many just now. */
static bool
is_burst(struct snap_spares *s)
{
    int64_t now = clock_mono_ns(), before = s->recent_ns[s->at];

    s->recent_ns[s->at] = now;
    s->at = (s->at + 1) % BURST;
    return before && now - before < BURST_NS;
}

/* With the lock held. */
static void
want_more(struct snap_spares *s)
{
    if (!s->started)
        s->started = pthread_create(&s->thread, NULL, run, s) == 0;
    s->wanted = true;
    (void) pthread_cond_signal(&s->wake);
}

/* The number of one that is ready, or 0. */
static uint64_t
take(struct snap_spares *s)
{
    uint64_t number = 0;

    (void) pthread_mutex_lock(&s->lock);
    if (s->n_ready)
        number = s->ready[--s->n_ready];
    if (is_burst(s) && !s->wanted && s->n_ready < SPARES_MAX / 2)
        want_more(s);
    (void) pthread_mutex_unlock(&s->lock);
    return number;
}

int
snap_spares_create(struct snap_spares *s, uint64_t id, struct err *err)
{
    uint64_t number = take(s);

    if (number && snap_dirs_spare_use(s->dirs, number, id) == 0)
        return 0;
    return snap_dirs_create(s->dirs, id, true, 0, 0, err);
}

unsigned
snap_spares_ready(struct snap_spares *s)
{
    unsigned n;

    (void) pthread_mutex_lock(&s->lock);
    n = s->n_ready;
    (void) pthread_mutex_unlock(&s->lock);
    return n;
}
