/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of pool.c. */
#include "libross/base/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "libross/base/test.h"

struct count {
    atomic_int done, running, peak;
};

static void
count_one(void *arg)
{
    struct count *c = arg;
    int now = atomic_fetch_add(&c->running, 1) + 1, peak = atomic_load(&c->peak);

    while (now > peak && !atomic_compare_exchange_weak(&c->peak, &peak, now))
        ;
    atomic_fetch_sub(&c->running, 1);
    atomic_fetch_add(&c->done, 1);
}

static void
every_job_runs_once_before_drain_returns(void **state)
{
    struct pool *p = pool_new(4, 3);
    struct count c = {0};

    (void) state;
    pool_drain(p);
    for (int round = 1; round <= 10; round++) {
        for (int i = 0; i < 500; i++)
            pool_submit(p, count_one, &c);
        pool_drain(p);
        assert_int_equal(atomic_load(&c.done), 500 * round);
    }
    assert_true(atomic_load(&c.peak) <= 4);
    pool_free(p);
}

static void
free_runs_what_is_queued(void **state)
{
    struct pool *p = pool_new(1, 100);
    struct count c = {0};

    (void) state;
    for (int i = 0; i < 100; i++)
        pool_submit(p, count_one, &c);
    pool_free(p);
    assert_int_equal(atomic_load(&c.done), 100);
    pool_free(NULL);
}

/* A job that ends when it is told to. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool open, entered;
};

static void
wait_at_gate(void *arg)
{
    struct gate *g = arg;

    pthread_mutex_lock(&g->lock);
    g->entered = true;
    pthread_cond_broadcast(&g->cond);
    while (!g->open)
        pthread_cond_wait(&g->cond, &g->lock);
    pthread_mutex_unlock(&g->lock);
}

struct submitter {
    struct pool *pool;
    struct count *count;
    atomic_bool returned;
};

static void *
submit_one(void *arg)
{
    struct submitter *s = arg;

    pool_submit(s->pool, count_one, s->count);
    atomic_store(&s->returned, true);
    return NULL;
}

static void
submit_blocks_while_the_queue_is_full(void **state)
{
    struct gate g = {.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
    struct count c = {0};
    struct submitter s = {.pool = pool_new(1, 1), .count = &c};
    pthread_t thread;

    (void) state;
    pool_submit(s.pool, wait_at_gate, &g);
    pthread_mutex_lock(&g.lock);
    while (!g.entered)
        pthread_cond_wait(&g.cond, &g.lock);
    pthread_mutex_unlock(&g.lock);
    pool_submit(s.pool, count_one, &c); /* fills the queue */
    assert_int_equal(pthread_create(&thread, NULL, submit_one, &s), 0);
    assert_int_equal(atomic_load(&c.done), 0);
    assert_false(atomic_load(&s.returned));
    pthread_mutex_lock(&g.lock);
    g.open = true;
    pthread_cond_broadcast(&g.cond);
    pthread_mutex_unlock(&g.lock);
    pthread_join(thread, NULL);
    pool_drain(s.pool);
    assert_int_equal(atomic_load(&c.done), 2);
    pool_free(s.pool);
}

static void
see_mask(void *arg)
{
    sigset_t mask;

    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    *(int *) arg = sigismember(&mask, SIGTERM) && !sigismember(&mask, SIGSEGV);
}

static void
threads_leave_signals_to_their_maker(void **state)
{
    struct pool *p = pool_new(1, 1);
    sigset_t mask;
    int seen = 0;

    (void) state;
    pool_submit(p, see_mask, &seen);
    pool_free(p);
    assert_int_equal(seen, 1);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    assert_false(sigismember(&mask, SIGTERM));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_runs_once_before_drain_returns),
        cmocka_unit_test(free_runs_what_is_queued),
        cmocka_unit_test(submit_blocks_while_the_queue_is_full),
        cmocka_unit_test(threads_leave_signals_to_their_maker),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
