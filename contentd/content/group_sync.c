/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting together for one fsync: each caller takes a ticket; whoever finds nobody syncing syncs for all tickets given
 * out so far, the others wait for theirs to be covered.
 */
#include "group_sync.h"

#include <errno.h>
#include <unistd.h>

#include "libross/base/fault.h"

void
group_sync_init(struct group_sync *g)
{
    *g = (struct group_sync){0};
    (void) pthread_mutex_init(&g->lock, NULL);
    (void) pthread_cond_init(&g->done_changed, NULL);
}

void
group_sync_done(struct group_sync *g)
{
    (void) pthread_cond_destroy(&g->done_changed);
    (void) pthread_mutex_destroy(&g->lock);
}

static int
sync_fd(int fd)
{
    int fault = FAULT("content.dirsync");

    if (fault) {
        errno = fault;
        return -1;
    }
    return fsync(fd);
}

int
group_sync_run(struct group_sync *g, int fd, const char *what, struct err *err)
{
    uint64_t mine;
    int r = 0;

    (void) pthread_mutex_lock(&g->lock);
    mine = ++g->asked;
    while (g->done < mine && r == 0) {
        uint64_t upto = g->asked;

        if (g->running) {
            (void) pthread_cond_wait(&g->done_changed, &g->lock);
            continue;
        }
        g->running = true;
        (void) pthread_mutex_unlock(&g->lock);
        if (sync_fd(fd))
            r = err_sys(err, errno, "sync %s", what);
        (void) pthread_mutex_lock(&g->lock);
        g->running = false;
        if (r == 0)
            g->done = upto;
        (void) pthread_cond_broadcast(&g->done_changed);
    }
    (void) pthread_mutex_unlock(&g->lock);
    return r;
}
