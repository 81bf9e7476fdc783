/* SPDX-License-Identifier: Apache-2.0 */
#include "container_restart.h"

#include "libross/base/test.h"

static void
reads_what_people_write(void **state)
{
    static const struct {
        const char *text, *name; /* NULL = refused */
        uint32_t max;
    } rows[] = {
        {"no", "no", 0},
        {"always", "always", 0},
        {"unless-stopped", "unless-stopped", 0},
        {"on-failure", "on-failure", 0},
        {"on-failure:3", "on-failure", 3},
        {"on-failure:", NULL, 0},
        {"on-failure:x", NULL, 0},
        {"always:3", NULL, 0},
        {"", NULL, 0},
        {"sometimes", NULL, 0},
    };
    struct restart_policy p;
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int r = restart_policy_parse(rows[i].text, &p, &err);

        assert_int_equal(r, rows[i].name ? 0 : -CODE_INVALID_ARGUMENT);
        if (!rows[i].name)
            continue;
        assert_string_equal(restart_policy_name(&p), rows[i].name);
        assert_int_equal(p.max, rows[i].max);
    }
}

static void
decides_as_docker(void **state)
{
    static const struct {
        const char *policy;
        uint32_t code, row;
        bool stopped, after_exit, after_boot;
    } rows[] = {
        {"no", 1, 0, false, false, false},
        {"always", 0, 99, false, true, true},
        {"always", 0, 0, true, false, true},
        {"unless-stopped", 1, 0, false, true, true},
        {"unless-stopped", 1, 0, true, false, false},
        {"on-failure", 0, 0, false, false, false},
        {"on-failure", 1, 99, false, true, false},
        {"on-failure", 1, 0, true, false, false},
        {"on-failure:2", 1, 1, false, true, false},
        {"on-failure:2", 1, 2, false, false, false},
    };
    struct restart_policy p;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct container_state note = {.started = true,
                                             .finished = true,
                                             .exit_code = rows[i].code,
                                             .row = rows[i].row,
                                             .stopped = rows[i].stopped};
        const struct container_state fresh = {0};

        assert_int_equal(restart_policy_parse(rows[i].policy, &p, NULL), 0);
        assert_int_equal(restart_after_exit(&p, &note), rows[i].after_exit);
        assert_int_equal(restart_after_boot(&p, &note), rows[i].after_boot);
        assert_false(restart_after_boot(&p, &fresh));
    }
}

static void
waits_longer_each_time(void **state)
{
    (void) state;
    assert_int_equal(restart_delay_ns(0), RESTART_DELAY_MIN_NS);
    assert_int_equal(restart_delay_ns(1), 2 * RESTART_DELAY_MIN_NS);
    assert_int_equal(restart_delay_ns(9), 512 * RESTART_DELAY_MIN_NS);
    assert_int_equal(restart_delay_ns(10), RESTART_DELAY_MAX_NS);
    assert_int_equal(restart_delay_ns(UINT32_MAX), RESTART_DELAY_MAX_NS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_people_write),
        cmocka_unit_test(decides_as_docker),
        cmocka_unit_test(waits_longer_each_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
