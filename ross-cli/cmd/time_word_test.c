/* SPDX-License-Identifier: Apache-2.0 */
#include "time_word.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libross/base/clock.h"
#include "libross/base/mem.h"
#include "libross/base/test.h"

static void
moments(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
    } rows[] = {
        {"1970-01-02T00:00:00Z", INT64_C(86400) * NS_PER_S},
        {"1970-01-02T00:00:00.5+01:00", INT64_C(82800) * NS_PER_S + NS_PER_S / 2},
        {"1970-01-02T02:00:00", INT64_C(86400) * NS_PER_S},
        {"1970-01-02 02:00:01", INT64_C(86401) * NS_PER_S},
        {"1970-01-02T02:01", INT64_C(86460) * NS_PER_S},
        {"1970-01-02", INT64_C(79200) * NS_PER_S},
        {"1700000000", INT64_C(1700000000) * NS_PER_S},
        {"1700000000.25", INT64_C(1700000000) * NS_PER_S + NS_PER_S / 4},
        {"1.0000000019", NS_PER_S + 1},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = {0};
        int64_t ns;

        assert_ok(time_word_parse("--since", rows[i].text, &ns, &err), &err);
        assert_int_equal(ns, rows[i].ns);
    }
}

static void
how_long_ago(void **state)
{
    int64_t before = clock_now_ns(), ns;

    (void) state;
    assert_int_equal(time_word_parse("--since", "10m", &ns, NULL), 0);
    assert_in_range(ns, before - 600 * NS_PER_S, clock_now_ns() - 600 * NS_PER_S);
}

static void
nonsense(void **state)
{
    static const char *const rows[] = {"",   "yesterday", "2006-13-02", "2006-01-02T",
                                       "-5", "1.5.5",     "12x",        "99999999999999999999"};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = {0};
        int64_t ns;

        assert_int_equal(time_word_parse("--until", rows[i], &ns, &err), -CODE_INVALID_ARGUMENT);
        assert_non_null(strstr(err.msg, "--until"));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments),
        cmocka_unit_test(how_long_ago),
        cmocka_unit_test(nonsense),
    };

    (void) setenv("TZ", "TWO-2", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
