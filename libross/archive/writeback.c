/* SPDX-License-Identifier: Apache-2.0 */
/* One thread that starts writing files out, in the order in which they were completed. */
#include "writeback.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "libross/base/fd.h"

#define QUEUE_MAX 128 /* descriptors held open */
#define WAKE_AT   32 /* the thread sleeps until so many are there: fewer switches, larger requests */

struct writeback {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Guarded by lock. */
    int fds[QUEUE_MAX];
    size_t n;
    bool stop;
};

static void *
writeback_main(void *arg)
{
    struct writeback *w = arg;
    int fds[QUEUE_MAX];
    bool stop = false;
    size_t n;

    while (!stop) {
        pthread_mutex_lock(&w->lock);
        while (w->n < WAKE_AT && !w->stop)
            pthread_cond_wait(&w->changed, &w->lock);
        n = w->n;
        for (size_t i = 0; i < n; i++)
            fds[i] = w->fds[i];
        w->n = 0;
        stop = w->stop;
        pthread_cond_broadcast(&w->changed);
        pthread_mutex_unlock(&w->lock);
        for (size_t i = 0; i < n; i++) {
            /* Advice: whether it arrives is what fsync will say. */
            (void) sync_file_range(fds[i], 0, 0, SYNC_FILE_RANGE_WRITE);
            (void) fd_close(fds[i]);
        }
    }
    return NULL;
}

struct writeback *
writeback_new(void)
{
    struct writeback *w = xcalloc(1, sizeof *w);

    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    if (pthread_create(&w->thread, NULL, writeback_main, w) == 0)
        return w;
    /* Without a thread nothing starts early; tree_sync does all of it. */
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    free(w);
    return NULL;
}

void
writeback_add(struct writeback *w, int fd)
{
    pthread_mutex_lock(&w->lock);
    while (w->n == QUEUE_MAX)
        pthread_cond_wait(&w->changed, &w->lock);
    w->fds[w->n++] = fd;
    if (w->n == WAKE_AT)
        pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

void
writeback_free(struct writeback *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
    (void) pthread_join(w->thread, NULL);
    assert(w->n == 0);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
