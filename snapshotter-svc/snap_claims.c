/* SPDX-License-Identifier: Apache-2.0 */
/* Who works in the directory of a snapshot. A handful at a time: a list. */
#include "snap_claims.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "libross/base/clock.h"
#include "libross/base/mem.h"

#define LOOK_AT_CALLER_NS (200 * NS_PER_MS) /* is he still there? */

struct claim {
    struct claim *next;
    uint64_t id;
    bool fills; /* else it commits */
    bool revoked;
};

struct snap_claims {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    struct claim *first;
};

struct snap_claims *
snap_claims_new(void)
{
    struct snap_claims *c = xcalloc(1, sizeof *c);
    pthread_condattr_t attr;

    (void) pthread_mutex_init(&c->lock, NULL);
    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&c->ended, &attr);
    (void) pthread_condattr_destroy(&attr);
    return c;
}

void
snap_claims_free(struct snap_claims *c)
{
    if (!c)
        return;
    (void) pthread_mutex_destroy(&c->lock);
    (void) pthread_cond_destroy(&c->ended);
    free(c);
}

/* Where the claim on `id` is linked, or the end of the list. */
static struct claim **
place_of(struct snap_claims *c, uint64_t id)
{
    struct claim **at = &c->first;

    while (*at && (*at)->id != id)
        at = &(*at)->next;
    return at;
}

static int
caller_gave_up(const struct call_ctx *ctx, uint64_t id, struct err *err)
{
    if (call_ctx_cancelled(ctx))
        return err_set(err, CODE_CANCELED,
                       "the caller is gone who waited for another one in snapshot %" PRIu64, id);
    if (ctx && ctx->deadline_ns && ctx->deadline_ns <= clock_mono_ns())
        return err_set(err, CODE_DEADLINE_EXCEEDED,
                       "another one worked in snapshot %" PRIu64 " until the deadline", id);
    return 0;
}

/* The lock is held and given up meanwhile. */
static int
wait_for_end(struct snap_claims *c, uint64_t id, const struct call_ctx *ctx, struct err *err)
{
    int64_t at = clock_mono_ns() + LOOK_AT_CALLER_NS;
    struct timespec until;
    int r;

    r = caller_gave_up(ctx, id, err);
    if (r < 0)
        return r;
    if (ctx && ctx->deadline_ns && ctx->deadline_ns < at)
        at = ctx->deadline_ns;
    until = (struct timespec){.tv_sec = at / NS_PER_S, .tv_nsec = at % NS_PER_S};
    (void) pthread_cond_timedwait(&c->ended, &c->lock, &until);
    return caller_gave_up(ctx, id, err); /* who has gone meanwhile gets nothing that others want */
}

static int
claim(struct snap_claims *c, uint64_t id, bool fills, const struct call_ctx *ctx, struct err *err)
{
    struct claim *mine = xcalloc(1, sizeof *mine);
    const struct claim *other;
    int r = 0;

    mine->id = id;
    mine->fills = fills;
    (void) pthread_mutex_lock(&c->lock);
    while (r == 0 && (other = *place_of(c, id))) {
        if (!fills && other->fills)
            r = err_set(err, CODE_FAILED_PRECONDITION,
                        "a layer is being applied to the snapshot: failed precondition");
        else
            r = wait_for_end(c, id, ctx, err);
    }
    if (r == 0) {
        mine->next = c->first;
        c->first = TAKE(mine);
    }
    (void) pthread_mutex_unlock(&c->lock);
    free(mine);
    return r;
}

int
snap_claims_fill(struct snap_claims *c, uint64_t id, const struct call_ctx *ctx, struct err *err)
{
    return claim(c, id, true, ctx, err);
}

int
snap_claims_commit(struct snap_claims *c, uint64_t id, const struct call_ctx *ctx, struct err *err)
{
    return claim(c, id, false, ctx, err);
}

bool
snap_claims_end(struct snap_claims *c, uint64_t id)
{
    struct claim *mine, **at;
    bool revoked;

    (void) pthread_mutex_lock(&c->lock);
    at = place_of(c, id);
    mine = *at;
    *at = mine->next;
    (void) pthread_cond_broadcast(&c->ended);
    (void) pthread_mutex_unlock(&c->lock);
    revoked = mine->revoked;
    free(mine);
    return revoked;
}

bool
snap_claims_revoke(struct snap_claims *c, uint64_t id)
{
    struct claim *taken;

    (void) pthread_mutex_lock(&c->lock);
    taken = *place_of(c, id);
    if (taken)
        taken->revoked = true;
    (void) pthread_mutex_unlock(&c->lock);
    return taken;
}

bool
snap_claims_is_revoked(struct snap_claims *c, uint64_t id)
{
    const struct claim *mine;
    bool revoked;

    (void) pthread_mutex_lock(&c->lock);
    mine = *place_of(c, id);
    revoked = mine && mine->revoked;
    (void) pthread_mutex_unlock(&c->lock);
    return revoked;
}
