/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A few threads that run jobs from a bounded queue.
 *
 * One lock guards a ring of jobs. A submitter waits on `room`, a worker on `work`, pool_drain() on `idle`,
 * which is signalled when the ring is empty and no worker is inside a job.
 */
#include "pool.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem.h"

struct job {
    void (*fn)(void *arg);
    void *arg;
};

struct pool {
    pthread_mutex_t lock; /* guards all below but threads, n_threads, ring and size */
    pthread_cond_t room, work, idle;
    size_t first, n, running;
    bool ending;

    struct job *ring;
    size_t size;
    pthread_t *threads;
    unsigned n_threads;
};

static void *
worker(void *arg)
{
    struct pool *p = arg;
    struct job job;

    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->n && !p->ending)
            pthread_cond_wait(&p->work, &p->lock);
        if (!p->n)
            break;
        job = p->ring[p->first];
        p->first = (p->first + 1) % p->size;
        p->n--;
        p->running++;
        pthread_cond_signal(&p->room);
        pthread_mutex_unlock(&p->lock);
        job.fn(job.arg);
        pthread_mutex_lock(&p->lock);
        p->running--;
        if (!p->n && !p->running)
            pthread_cond_broadcast(&p->idle);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct pool *
pool_new(unsigned threads, size_t queue_max)
{
    struct pool *p = xcalloc(1, sizeof *p);
    sigset_t all, old;

    assert(threads > 0 && queue_max > 0);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->room, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->idle, NULL);
    p->size = queue_max;
    p->ring = xcalloc(queue_max, sizeof *p->ring);
    p->threads = xcalloc(threads, sizeof *p->threads);
    /* signals belong to whoever made the pool */
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (; p->n_threads < threads; p->n_threads++)
        if (pthread_create(&p->threads[p->n_threads], NULL, worker, p) != 0) {
            fputs("cannot start a thread\n", stderr);
            abort();
        }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return p;
}

void
pool_submit(struct pool *p, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&p->lock);
    assert(!p->ending);
    while (p->n == p->size)
        pthread_cond_wait(&p->room, &p->lock);
    p->ring[(p->first + p->n) % p->size] = (struct job){.fn = fn, .arg = arg};
    p->n++;
    pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
}

void
pool_drain(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    while (p->n || p->running)
        pthread_cond_wait(&p->idle, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

void
pool_free(struct pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->ending = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    /* a worker leaves only when the ring is empty */
    for (unsigned i = 0; i < p->n_threads; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->room);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->idle);
    pthread_mutex_destroy(&p->lock);
    free(p->ring);
    free(p->threads);
    free(p);
}
