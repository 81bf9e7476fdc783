/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/pull/board.h"

#include <pthread.h>
#include <time.h>

#include "libross/base/clock.h"

#define TICK_NS (100 * NS_PER_MS)

struct line {
    struct oci_desc desc;
    enum pull_state state;
    int64_t done_bytes;
    bool state_changed, bytes_changed;
};

struct board {
    char *name;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t cond;
    enum pull_state image;
    bool image_changed, any_state_changed, ended;
    struct line *lines;
    size_t n;
};

struct board *
board_new(const char *name)
{
    struct board *b = xcalloc(1, sizeof *b);
    pthread_condattr_t attr;

    b->name = xstrdup(name);
    (void) pthread_mutex_init(&b->lock, NULL);
    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&b->cond, &attr);
    (void) pthread_condattr_destroy(&attr);
    return b;
}

void
board_free(struct board *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->n; i++)
        oci_desc_done(&b->lines[i].desc);
    free(b->lines);
    free(b->name);
    (void) pthread_cond_destroy(&b->cond);
    (void) pthread_mutex_destroy(&b->lock);
    free(b);
}

void
board_image(struct board *b, enum pull_state state)
{
    (void) pthread_mutex_lock(&b->lock);
    b->image = state;
    b->image_changed = b->any_state_changed = true;
    (void) pthread_cond_signal(&b->cond);
    (void) pthread_mutex_unlock(&b->lock);
}

void
board_layers(struct board *b, const struct oci_desc *layers, size_t n)
{
    (void) pthread_mutex_lock(&b->lock);
    b->lines = xcalloc(n, sizeof *b->lines);
    b->n = n;
    for (size_t i = 0; i < n; i++) {
        b->lines[i] = (struct line){
            .desc = oci_desc_clone(&layers[i]), .state = PULL_WAITING, .state_changed = true};
    }
    b->any_state_changed = true;
    (void) pthread_cond_signal(&b->cond);
    (void) pthread_mutex_unlock(&b->lock);
}

void
board_layer(struct board *b, size_t i, enum pull_state state)
{
    (void) pthread_mutex_lock(&b->lock);
    if (b->lines[i].state != state) {
        b->lines[i].state = state;
        b->lines[i].state_changed = b->any_state_changed = true;
        (void) pthread_cond_signal(&b->cond);
    }
    (void) pthread_mutex_unlock(&b->lock);
}

void
board_bytes(struct board *b, size_t i, int64_t done)
{
    (void) pthread_mutex_lock(&b->lock);
    b->lines[i].done_bytes = done;
    b->lines[i].bytes_changed = true;
    (void) pthread_mutex_unlock(&b->lock);
}

void
board_end(struct board *b)
{
    (void) pthread_mutex_lock(&b->lock);
    b->ended = true;
    (void) pthread_cond_signal(&b->cond);
    (void) pthread_mutex_unlock(&b->lock);
}

/* The next thing to tell, with b->lock held; false when there is none. Lines do not move: pointers stay good. */
static bool
next_event(struct board *b, size_t *at, bool bytes, struct pull_event *ev)
{
    if (b->image_changed) {
        b->image_changed = false;
        *ev = (struct pull_event){.state = b->image, .name = b->name};
        return true;
    }
    for (; *at < b->n; ++*at) {
        struct line *l = &b->lines[*at];
        if (!l->state_changed && !(bytes && l->bytes_changed))
            continue;
        l->state_changed = l->bytes_changed = false;
        *ev = (struct pull_event){.state = l->state,
                                  .desc = &l->desc,
                                  .index = *at,
                                  .n = b->n,
                                  .done_bytes = l->done_bytes,
                                  .total_bytes = l->desc.size_bytes,
                                  .name = b->name};
        return true;
    }
    return false;
}

/* With b->lock held on entry and return. */
static void
tell(struct board *b, bool bytes, pull_event_fn fn, void *arg)
{
    struct pull_event ev;
    size_t at = 0;

    b->any_state_changed = false;
    while (next_event(b, &at, bytes, &ev)) {
        (void) pthread_mutex_unlock(&b->lock);
        if (fn)
            fn(&ev, arg);
        (void) pthread_mutex_lock(&b->lock);
    }
}

void
board_pump(struct board *b, pull_event_fn fn, void *arg, const atomic_bool *cancelled,
           void (*on_cancel)(void *arg), void *cancel_arg)
{
    int64_t tick_ns = clock_mono_ns() + TICK_NS;
    bool told_cancel = false;

    (void) pthread_mutex_lock(&b->lock);
    while (!b->ended) {
        struct timespec ts = {.tv_sec = tick_ns / NS_PER_S, .tv_nsec = tick_ns % NS_PER_S};
        bool tick = false;

        while (!b->ended && !b->any_state_changed && !tick)
            tick = pthread_cond_timedwait(&b->cond, &b->lock, &ts) != 0;
        if (clock_mono_ns() >= tick_ns) {
            tick = true;
            tick_ns = clock_mono_ns() + TICK_NS;
        }
        tell(b, tick, fn, arg);
        if (!told_cancel && cancelled && atomic_load(cancelled)) {
            told_cancel = true;
            (void) pthread_mutex_unlock(&b->lock);
            on_cancel(cancel_arg);
            (void) pthread_mutex_lock(&b->lock);
        }
    }
    tell(b, true, fn, arg);
    (void) pthread_mutex_unlock(&b->lock);
}
