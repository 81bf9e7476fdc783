/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of clock.c. */
#include "libross/base/clock.h"

#include "libross/base/mem.h"
#include "libross/base/test.h"

static void
times_are_shown_in_utc_with_the_digits_needed(void **state)
{
    static const struct {
        int64_t ns;
        const char *want;
    } rows[] = {
        {0, "1970-01-01T00:00:00Z"},
        {1, "1970-01-01T00:00:00.000000001Z"},
        {-1, "1969-12-31T23:59:59.999999999Z"},
        {-NS_PER_S, "1969-12-31T23:59:59Z"},
        {1500 * NS_PER_MS, "1970-01-01T00:00:01.5Z"},
        {NS_PER_S * 951827696 + 120 * NS_PER_MS, "2000-02-29T12:34:56.12Z"},
        {INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
        {INT64_MIN, "1677-09-21T00:12:43.145224192Z"},
    };
    char buf[CLOCK_STR_MAX];

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(clock_format(rows[i].ns, buf), rows[i].want);
}

static void
what_is_shown_is_read_back(void **state)
{
    char buf[CLOCK_STR_MAX];
    struct err err = {0};
    uint64_t seed = 88172645463325252u;
    int64_t got;

    (void) state;
    for (int i = 0; i < 10000; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        assert_ok(clock_parse(clock_format((int64_t) seed / 2, buf), &got, &err), &err);
        assert_true(got == (int64_t) seed / 2);
    }
}

static void
zones_and_fractions_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t want;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01 00:00:00Z", 0},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1969-12-31T18:30:00-05:30", 0},
        {"1970-01-01T00:00:00.000000001Z", 1},
        {"1970-01-01T00:00:00.0000000019Z", 1},
        {"1970-01-01T00:00:00.5Z", NS_PER_S / 2},
        {"2000-02-29T00:00:00Z", NS_PER_S * 951782400},
        {"2016-12-31T23:59:60Z", NS_PER_S * 1483228800}, /* a leap second is the next one */
        {"2262-04-11T23:47:16.854775807Z", INT64_MAX},
    };
    struct err err = {0};
    int64_t got;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_ok(clock_parse(rows[i].text, &got, &err), &err);
        if (got != rows[i].want)
            fail_msg("%s gave %lld", rows[i].text, (long long) got);
    }
}

static void
other_texts_are_no_times(void **state)
{
    static const char *const bad[] = {
        "",
        "now",
        "1970",
        "1970-01-01",
        "1970-01-01T00:00:00",
        "1970-01-01T00:00Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00,5Z",
        "1970-01-01T00:00:00Zx",
        "1970-01-01T00:00:00 Z",
        "1970-01-01T00:00:00+01",
        "1970-01-01T00:00:00+0100",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00+00:60",
        "1970-00-01T00:00:00Z",
        "1970-13-01T00:00:00Z",
        "1970-01-00T00:00:00Z",
        "1970-01-32T00:00:00Z",
        "1970-04-31T00:00:00Z",
        "1971-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:61Z",
        "1970-1-1T00:00:00Z",
        "-970-01-01T00:00:00Z",
        "+970-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "2262-04-11T23:47:16.854775808Z",
    };
    struct err err = {0};
    int64_t got = 7;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (clock_parse(bad[i], &got, &err) != -CODE_INVALID_ARGUMENT || got != 7)
            fail_msg("'%s' was taken as %lld", bad[i], (long long) got);
}

static void
clocks_run(void **state)
{
    int64_t a = clock_mono_ns(), b = clock_mono_ns();

    (void) state;
    assert_true(b >= a);
    assert_true(clock_now_ns() > NS_PER_S * 1600000000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_shown_in_utc_with_the_digits_needed),
        cmocka_unit_test(what_is_shown_is_read_back),
        cmocka_unit_test(zones_and_fractions_are_read),
        cmocka_unit_test(other_texts_are_no_times),
        cmocka_unit_test(clocks_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
