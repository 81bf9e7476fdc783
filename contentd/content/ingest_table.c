/* SPDX-License-Identifier: Apache-2.0 */
/* The refs that are open for writing. */
#include "ingest_table.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "libross/base/clock.h"

#define BUCKETS 256
/*
 * A client that ends one write and opens the ref again at once may overtake its own end on the way: the Go client
 * does not wait for it. So a locked ref is worth a short wait, which ends as soon as it is free.
 */
#define LOCK_WAIT_NS (100 * NS_PER_MS)

struct ingest_table {
    pthread_mutex_t lock; /* guards the chains */
    pthread_cond_t freed; /* a ref was unlocked */
    struct ingest_slot *buckets[BUCKETS];
    size_t n;
};

struct ingest_table *
ingest_table_new(void)
{
    struct ingest_table *t = xcalloc(1, sizeof *t);

    pthread_condattr_t attr;

    (void) pthread_mutex_init(&t->lock, NULL);
    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&t->freed, &attr);
    (void) pthread_condattr_destroy(&attr);
    return t;
}

void
ingest_table_free(struct ingest_table *t)
{
    if (!t)
        return;
    assert(t->n == 0);
    (void) pthread_cond_destroy(&t->freed);
    (void) pthread_mutex_destroy(&t->lock);
    free(t);
}

static struct ingest_slot **
bucket_of(struct ingest_table *t, const char *ns, const char *ref)
{
    uint32_t h = 2166136261u;

    for (; *ns; ns++)
        h = (h ^ (unsigned char) *ns) * 16777619u;
    for (; *ref; ref++)
        h = (h ^ (unsigned char) *ref) * 16777619u;
    return &t->buckets[h % BUCKETS];
}

static struct ingest_slot *
find(struct ingest_table *t, const char *ns, const char *ref)
{
    for (struct ingest_slot *s = *bucket_of(t, ns, ref); s; s = s->next)
        if (!strcmp(s->ref, ref) && !strcmp(s->ns, ns))
            return s;
    return NULL;
}

/* The writer that has the ref even after a short wait. */
static struct ingest_slot *
wait_free(struct ingest_table *t, const char *ns, const char *ref)
{
    int64_t until = clock_mono_ns() + LOCK_WAIT_NS;
    const struct timespec ts = {.tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S};
    struct ingest_slot *s;
    int timed_out = 0;

    while ((s = find(t, ns, ref)) && !timed_out)
        timed_out = pthread_cond_timedwait(&t->freed, &t->lock, &ts);
    return s;
}

int
ingest_table_lock(struct ingest_table *t, const char *ns, const char *ref, struct ingest_slot **ret,
                  struct err *err)
{
    struct ingest_slot *s, **bucket;
    int r = 0;

    (void) pthread_mutex_lock(&t->lock);
    s = wait_free(t, ns, ref);
    if (s) {
        r = err_set(err, CODE_UNAVAILABLE, "ref %.200s locked for %lld ms: unavailable", ref,
                    (long long) ((clock_mono_ns() - s->locked_ns) / NS_PER_MS));
    } else {
        s = xcalloc(1, sizeof *s);
        s->ns = xstrdup(ns);
        s->ref = xstrdup(ref);
        s->locked_ns = clock_mono_ns();
        atomic_store(&s->started_ns, clock_now_ns());
        atomic_store(&s->updated_ns, clock_now_ns());
        bucket = bucket_of(t, ns, ref);
        s->next = *bucket;
        *bucket = s;
        t->n++;
        *ret = s;
    }
    (void) pthread_mutex_unlock(&t->lock);
    return r;
}

void
ingest_table_unlock(struct ingest_table *t, struct ingest_slot *slot)
{
    struct ingest_slot **p;

    (void) pthread_mutex_lock(&t->lock);
    for (p = bucket_of(t, slot->ns, slot->ref); *p != slot; p = &(*p)->next)
        assert(*p);
    *p = slot->next;
    t->n--;
    (void) pthread_cond_broadcast(&t->freed);
    (void) pthread_mutex_unlock(&t->lock);
    free(slot->ns);
    free(slot->ref);
    free(slot);
}

bool
ingest_table_abort(struct ingest_table *t, const char *ns, const char *ref)
{
    struct ingest_slot *s;
    bool was_alive = false;

    (void) pthread_mutex_lock(&t->lock);
    s = find(t, ns, ref);
    if (s)
        was_alive = !atomic_exchange(&s->aborted, true);
    (void) pthread_mutex_unlock(&t->lock);
    return was_alive;
}

bool
ingest_table_status(struct ingest_table *t, const char *ns, const char *ref,
                    struct ingest_status *ret)
{
    struct ingest_slot *s;

    (void) pthread_mutex_lock(&t->lock);
    s = find(t, ns, ref);
    if (s && atomic_load(&s->aborted))
        s = NULL;
    if (s)
        *ret = (struct ingest_status){.ref = xstrdup(ref),
                                      .offset = atomic_load(&s->offset),
                                      .total = atomic_load(&s->total),
                                      .started_ns = atomic_load(&s->started_ns),
                                      .updated_ns = atomic_load(&s->updated_ns)};
    (void) pthread_mutex_unlock(&t->lock);
    return s != NULL;
}

struct strv
ingest_table_refs(struct ingest_table *t, const char *ns)
{
    struct strv refs = {0};

    (void) pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < BUCKETS; i++)
        for (const struct ingest_slot *s = t->buckets[i]; s; s = s->next)
            if (!strcmp(s->ns, ns) && !atomic_load(&s->aborted))
                strv_add(&refs, s->ref);
    (void) pthread_mutex_unlock(&t->lock);
    strv_sort(&refs);
    return refs;
}

size_t
ingest_table_count(struct ingest_table *t)
{
    size_t n;

    (void) pthread_mutex_lock(&t->lock);
    n = t->n;
    (void) pthread_mutex_unlock(&t->lock);
    return n;
}
