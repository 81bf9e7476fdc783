/* SPDX-License-Identifier: Apache-2.0 */
#include "snap_claims.h"

#include <pthread.h>
#include <stdatomic.h>

#include "libross/base/clock.h"
#include "libross/base/test.h"

#define ROUNDS  200
#define THREADS 4

static void
one_has_it_and_others_are_free(void **state)
{
    struct snap_claims *c = snap_claims_new();
    struct err err = {0};

    (void) state;
    assert_ok(snap_claims_fill(c, 1, NULL, &err), &err);
    assert_ok(snap_claims_fill(c, 2, NULL, &err), &err);
    assert_ok(snap_claims_commit(c, 3, NULL, &err), &err);
    assert_code(snap_claims_commit(c, 1, NULL, &err), CODE_FAILED_PRECONDITION, &err);
    assert_false(snap_claims_end(c, 1));
    assert_ok(snap_claims_commit(c, 1, NULL, &err), &err);
    assert_false(snap_claims_end(c, 1));
    assert_false(snap_claims_end(c, 2));
    assert_false(snap_claims_end(c, 3));
    snap_claims_free(c);
}

static void
a_caller_who_gave_up_does_not_wait(void **state)
{
    struct snap_claims *c = snap_claims_new();
    atomic_bool cancelled = true;
    struct call_ctx gone = {.cancelled = &cancelled},
                    late = {.deadline_ns = clock_mono_ns() + NS_PER_MS};
    struct err err = {0};

    (void) state;
    assert_ok(snap_claims_commit(c, 1, NULL, &err), &err);
    assert_code(snap_claims_commit(c, 1, &gone, &err), CODE_CANCELED, &err);
    assert_code(snap_claims_fill(c, 1, &gone, &err), CODE_CANCELED, &err);
    assert_code(snap_claims_fill(c, 1, &late, &err), CODE_DEADLINE_EXCEEDED, &err);
    assert_false(snap_claims_end(c, 1));
    snap_claims_free(c);
}

static void
a_removed_directory_is_its_last_users(void **state)
{
    struct snap_claims *c = snap_claims_new();
    struct err err = {0};

    (void) state;
    assert_false(snap_claims_revoke(c, 1));
    assert_ok(snap_claims_fill(c, 1, NULL, &err), &err);
    assert_false(snap_claims_is_revoked(c, 1));
    assert_true(snap_claims_revoke(c, 1));
    assert_true(snap_claims_is_revoked(c, 1));
    assert_false(snap_claims_is_revoked(c, 2));
    assert_true(snap_claims_end(c, 1));
    assert_false(snap_claims_is_revoked(c, 1));
    snap_claims_free(c);
}

struct turns {
    struct snap_claims *claims;
    atomic_int inside, done;
};

static void *
take_turns(void *arg)
{
    struct turns *t = arg;

    for (int i = 0; i < ROUNDS; i++) {
        int r = i % 2 ? snap_claims_fill(t->claims, 7, NULL, NULL)
                      : snap_claims_commit(t->claims, 7, NULL, NULL);

        if (r == -CODE_FAILED_PRECONDITION)
            continue;
        assert_int_equal(r, 0);
        assert_int_equal(atomic_fetch_add(&t->inside, 1), 0);
        (void) atomic_fetch_add(&t->done, 1);
        (void) atomic_fetch_sub(&t->inside, 1);
        (void) snap_claims_end(t->claims, 7);
    }
    return NULL;
}

static void
never_two_at_once(void **state)
{
    struct turns t = {.claims = snap_claims_new()};
    pthread_t threads[THREADS];

    (void) state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_turns, &t), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(atomic_load(&t.done) >= THREADS * ROUNDS / 2); /* fills always get their turn */
    snap_claims_free(t.claims);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_has_it_and_others_are_free),
        cmocka_unit_test(a_caller_who_gave_up_does_not_wait),
        cmocka_unit_test(a_removed_directory_is_its_last_users),
        cmocka_unit_test(never_two_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
