/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing to a file beside other work on the same bytes.
 *
 * Copying a message into the page cache takes about as long as half its hash; done by another thread it costs the
 * writer nothing. One lock guards all: a job belongs to its thread; its state says whose turn it is.
 */
#include "side_write.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "libross/base/fd.h"
#include "libross/base/mem.h"

#define SIDE_THREADS 4

enum state { UNBORN, IDLE, GIVEN, DONE };

struct side_write_job {
    struct side_write *owner;
    pthread_t thread;
    pthread_cond_t changed; /* the state */
    enum state state;
    int fd, error;
    const void *p;
    size_t n;
    int64_t offset;
};

struct side_write {
    pthread_mutex_t lock; /* guards all below, and the jobs' states */
    bool ending;
    struct side_write_job jobs[SIDE_THREADS];
};

static void *
thread_main(void *arg)
{
    struct side_write_job *job = arg;
    struct side_write *s = job->owner;

    (void) pthread_mutex_lock(&s->lock);
    for (;;) {
        while (job->state != GIVEN && !s->ending)
            (void) pthread_cond_wait(&job->changed, &s->lock);
        if (job->state != GIVEN)
            break;
        (void) pthread_mutex_unlock(&s->lock);
        job->error = fd_pwrite_all(job->fd, job->p, job->n, job->offset) ? errno : 0;
        (void) pthread_mutex_lock(&s->lock);
        job->state = DONE;
        (void) pthread_cond_broadcast(&job->changed);
    }
    (void) pthread_mutex_unlock(&s->lock);
    return NULL;
}

struct side_write *
side_write_new(void)
{
    struct side_write *s = xcalloc(1, sizeof *s);

    (void) pthread_mutex_init(&s->lock, NULL);
    for (size_t i = 0; i < SIDE_THREADS; i++) {
        s->jobs[i].owner = s;
        (void) pthread_cond_init(&s->jobs[i].changed, NULL);
    }
    return s;
}

void
side_write_free(struct side_write *s)
{
    if (!s)
        return;
    (void) pthread_mutex_lock(&s->lock);
    s->ending = true;
    for (size_t i = 0; i < SIDE_THREADS; i++)
        (void) pthread_cond_broadcast(&s->jobs[i].changed);
    (void) pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < SIDE_THREADS; i++) {
        if (s->jobs[i].state != UNBORN)
            (void) pthread_join(s->jobs[i].thread, NULL);
        (void) pthread_cond_destroy(&s->jobs[i].changed);
    }
    (void) pthread_mutex_destroy(&s->lock);
    free(s);
}

/* Signals belong to others. */
static bool
be_born(struct side_write_job *job)
{
    sigset_t all, old;
    int e;

    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &old);
    e = pthread_create(&job->thread, NULL, thread_main, job);
    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);
    return e == 0;
}

struct side_write_job *
side_write_start(struct side_write *s, int fd, const void *p, size_t n, int64_t offset)
{
    struct side_write_job *job = s->jobs;

    (void) pthread_mutex_lock(&s->lock);
    while (job < s->jobs + SIDE_THREADS && job->state > IDLE)
        job++;
    if (job == s->jobs + SIDE_THREADS || (job->state == UNBORN && !be_born(job))) {
        job = NULL;
    } else {
        job->fd = fd;
        job->p = p;
        job->n = n;
        job->offset = offset;
        job->state = GIVEN;
        (void) pthread_cond_broadcast(&job->changed);
    }
    (void) pthread_mutex_unlock(&s->lock);
    return job;
}

int
side_write_wait(struct side_write *s, struct side_write_job *job)
{
    int error;

    (void) pthread_mutex_lock(&s->lock);
    assert(job->state == GIVEN || job->state == DONE);
    while (job->state != DONE)
        (void) pthread_cond_wait(&job->changed, &s->lock);
    error = job->error;
    job->state = IDLE;
    (void) pthread_mutex_unlock(&s->lock);
    return error;
}
