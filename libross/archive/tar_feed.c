/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of pieces between three threads:
 *
 *   reader   source → inflate → piece       waits while all pieces are in use
 *   hasher   sha256 over the pieces         waits for the reader
 *   taker    tar parsing and file writing   waits for the reader; the caller's own thread
 *
 * A piece is free again when the hasher and the taker are both through with it. Each of the three is about equally dear
 * for a gzip layer (inflate 700 MB/s, sha256 1 GB/s, small files 500 MB/s), so with two or three processors the time
 * tends to the largest instead of the sum.
 *
 * A thread that has to wait is woken when there is work for a while (HASH_BATCH, ROOM_BATCH), not for each piece; only
 * the taker, who is most often the last, gets each one at once. The ring is long enough to let the reader run ahead
 * while the taker makes a thousand small files, and the taker live on that while one large one is inflated.
 */
#include "tar_feed.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define PIECES      16
#define PIECE_BYTES ((size_t) 512 * 1024) /* the whole ring stays in the processor's last cache */
#define HASH_BATCH  4                     /* pieces there when the hasher is woken */
#define ROOM_BATCH  4                     /* pieces free when the reader is */

struct tar_feed {
    struct decompress *in;
    const atomic_bool *cancelled;
    atomic_bool stop; /* nobody wants more */
    pthread_t hasher, reader;
    int n_threads; /* of these that run */

    pthread_mutex_t lock;
    pthread_cond_t room, hashable, takeable;
    /* Guarded by lock: pieces done by each, ever growing; piece i is slot i % PIECES. */
    uint64_t n_read, n_hashed, n_taken;
    bool ended; /* n_read is final */
    int failed; /* 0, or the negative code with `error` behind the last piece */
    struct err error;

    size_t len[PIECES]; /* written before n_read passes it */
    bool holding;       /* the taker has piece n_taken */
    struct hasher *hash;
    uint64_t bytes;
    unsigned char data[PIECES][PIECE_BYTES];
};

static bool
is_cancelled(const struct tar_feed *f)
{
    return atomic_load(&f->stop) || (f->cancelled && atomic_load(f->cancelled));
}

/* Fills a piece. 1, 0 at the end (the piece may hold some bytes), or negative. */
static int
fill(struct tar_feed *f, unsigned char *p, size_t *ret_len, struct err *err)
{
    size_t len = 0;
    ssize_t got;

    *ret_len = 0;
    while (len < PIECE_BYTES) {
        if (is_cancelled(f))
            return err_set(err, CODE_CANCELED, "canceled");
        got = decompress_read(f->in, p + len, PIECE_BYTES - len, err);
        if (got <= 0)
            return (int) got;
        len += (size_t) got;
        *ret_len = len;
    }
    return 1;
}

static uint64_t
pieces_free(const struct tar_feed *f)
{
    return PIECES - (f->n_read - (f->n_hashed < f->n_taken ? f->n_hashed : f->n_taken));
}

static bool
all_hashed(const struct tar_feed *f)
{
    return f->ended && f->n_hashed == f->n_read;
}

/* A piece was given back by the hasher or the taker. */
static void
tell_reader(struct tar_feed *f)
{
    if (pieces_free(f) >= ROOM_BATCH)
        pthread_cond_signal(&f->room);
}

static void
tell_everybody(struct tar_feed *f)
{
    pthread_cond_broadcast(&f->room);
    pthread_cond_broadcast(&f->hashable);
    pthread_cond_broadcast(&f->takeable);
}

static void *
reader_main(void *arg)
{
    struct tar_feed *f = arg;
    struct err err = {0};
    size_t len, slot;
    int r = 1;

    pthread_mutex_lock(&f->lock);
    while (r > 0 && !f->stop) {
        if (pieces_free(f) == 0) {
            while (pieces_free(f) < ROOM_BATCH && !f->stop)
                pthread_cond_wait(&f->room, &f->lock);
            continue;
        }
        slot = f->n_read % PIECES;
        pthread_mutex_unlock(&f->lock);
        r = fill(f, f->data[slot], &len, &err);
        pthread_mutex_lock(&f->lock);
        f->len[slot] = len;
        f->n_read += len > 0;
        pthread_cond_signal(&f->takeable);
        if (f->n_read - f->n_hashed >= HASH_BATCH)
            pthread_cond_signal(&f->hashable);
    }
    f->ended = true;
    if (r < 0) {
        f->failed = r;
        f->error = err;
    }
    tell_everybody(f);
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

static void *
hasher_main(void *arg)
{
    struct tar_feed *f = arg;
    size_t slot;

    pthread_mutex_lock(&f->lock);
    while (!f->stop && !all_hashed(f)) {
        if (f->n_hashed == f->n_read) {
            while (f->n_read - f->n_hashed < HASH_BATCH && !f->ended && !f->stop)
                pthread_cond_wait(&f->hashable, &f->lock);
            continue;
        }
        slot = f->n_hashed % PIECES;
        pthread_mutex_unlock(&f->lock);
        hasher_update(f->hash, f->data[slot], f->len[slot]);
        pthread_mutex_lock(&f->lock);
        f->n_hashed++;
        f->bytes += f->len[slot];
        tell_reader(f);
    }
    pthread_cond_signal(&f->takeable); /* for tar_feed_result */
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

int
tar_feed_new(struct decompress *in, const atomic_bool *cancelled, struct tar_feed **ret,
             struct err *err)
{
    struct tar_feed *f = xmalloc(sizeof *f);
    int r;

    /* Not the data: its pages are touched as they are needed. */
    memset(f, 0, offsetof(struct tar_feed, data));
    f->in = in;
    f->cancelled = cancelled;
    f->hash = hasher_new(DIGEST_SHA256);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->room, NULL);
    pthread_cond_init(&f->hashable, NULL);
    pthread_cond_init(&f->takeable, NULL);
    r = pthread_create(&f->hasher, NULL, hasher_main, f);
    f->n_threads = r == 0;
    if (r == 0) {
        r = pthread_create(&f->reader, NULL, reader_main, f);
        f->n_threads += r == 0;
    }
    if (r != 0) {
        tar_feed_free(f);
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "start a thread: %s", strerror(r));
    }
    *ret = f;
    return 0;
}

ssize_t
tar_feed_next(void *feed, const unsigned char **ret_piece, struct err *err)
{
    struct tar_feed *f = feed;
    ssize_t r = 0;

    pthread_mutex_lock(&f->lock);
    if (f->holding) {
        f->n_taken++;
        f->holding = false;
        tell_reader(f);
    }
    while (f->n_taken == f->n_read && !f->ended)
        pthread_cond_wait(&f->takeable, &f->lock);
    if (is_cancelled(f)) {
        r = err_set(err, CODE_CANCELED, "canceled");
    } else if (f->n_taken < f->n_read) {
        f->holding = true;
        *ret_piece = f->data[f->n_taken % PIECES];
        r = (ssize_t) f->len[f->n_taken % PIECES];
    } else if (f->failed) {
        r = f->failed;
        if (err)
            *err = f->error;
    }
    pthread_mutex_unlock(&f->lock);
    return r;
}

void
tar_feed_result(struct tar_feed *f, struct digest *ret_sha256, uint64_t *ret_bytes)
{
    pthread_mutex_lock(&f->lock);
    while (!all_hashed(f))
        pthread_cond_wait(&f->takeable, &f->lock);
    hasher_peek(f->hash, ret_sha256);
    *ret_bytes = f->bytes;
    pthread_mutex_unlock(&f->lock);
}

void
tar_feed_free(struct tar_feed *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    atomic_store(&f->stop, true);
    tell_everybody(f);
    pthread_mutex_unlock(&f->lock);
    if (f->n_threads > 0)
        (void) pthread_join(f->hasher, NULL);
    if (f->n_threads > 1)
        (void) pthread_join(f->reader, NULL);
    pthread_cond_destroy(&f->room);
    pthread_cond_destroy(&f->hashable);
    pthread_cond_destroy(&f->takeable);
    pthread_mutex_destroy(&f->lock);
    hasher_free(f->hash);
    free(f);
}
