/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for what is sent. gRPC drops a slice when it likes, also after a server has been stopped, so this state is the
 * process's and never ends.
 */
#include "send_buffer.h"

#include <pthread.h>

#include "libross/base/mem.h"

#define KEPT_MAX 8 /* unused large pieces that are not given back to malloc */

static struct {
    pthread_mutex_t lock;
    unsigned out, n_kept;
    void *kept[KEPT_MAX];
} buffers = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void
put_large(void *p)
{
    (void) pthread_mutex_lock(&buffers.lock);
    buffers.out--;
    if (buffers.n_kept < KEPT_MAX)
        buffers.kept[buffers.n_kept++] = TAKE(p);
    (void) pthread_mutex_unlock(&buffers.lock);
    free(p);
}

/* NULL when enough of them are out. */
static void *
get_large(void)
{
    bool may;
    void *p = NULL;

    (void) pthread_mutex_lock(&buffers.lock);
    may = buffers.out < SEND_BUFFERS_MAX;
    if (may) {
        buffers.out++;
        if (buffers.n_kept)
            p = buffers.kept[--buffers.n_kept];
    }
    (void) pthread_mutex_unlock(&buffers.lock);
    return may && !p ? xmalloc(SEND_BUFFER_BYTES) : p;
}

grpc_slice
send_buffer_get(size_t want)
{
    void *p = want > SEND_BUFFER_SMALL_BYTES ? get_large() : NULL;

    if (p)
        return grpc_slice_new_with_user_data(p, want < SEND_BUFFER_BYTES ? want : SEND_BUFFER_BYTES,
                                             put_large, p);
    return grpc_slice_malloc_large(want < SEND_BUFFER_SMALL_BYTES ? want : SEND_BUFFER_SMALL_BYTES);
}

unsigned
send_buffers_out(void)
{
    unsigned n;

    (void) pthread_mutex_lock(&buffers.lock);
    n = buffers.out;
    (void) pthread_mutex_unlock(&buffers.lock);
    return n;
}
