/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include "ross-cli/registry/retry.h"

static void
obeys_the_server_within_the_budget(void **state)
{
    struct retry t = {.left_ms = 5000};
    (void) state;

    assert_int_equal(retry_delay_ms(&t, 0, 7), 0);
    assert_int_equal(retry_delay_ms(&t, 5000, 7), 5000);
    assert_int_equal(retry_delay_ms(&t, 5001, 7), -1);
}

static void
pauses_grow_and_end(void **state)
{
    struct retry t = {.left_ms = 60000};
    (void) state;

    for (; t.attempts < RETRY_ATTEMPTS_MAX; t.attempts++) {
        int64_t base = (int64_t) RETRY_FIRST_MS << t.attempts;
        assert_int_equal(retry_delay_ms(&t, -1, 0), base / 2);
        assert_true(retry_delay_ms(&t, -1, UINT32_MAX) < base * 3 / 2);
    }
    assert_int_equal(retry_delay_ms(&t, -1, 0), -1);
    assert_int_equal(retry_delay_ms(&t, 0, 0), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(obeys_the_server_within_the_budget),
        cmocka_unit_test(pauses_grow_and_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
