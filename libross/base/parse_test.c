/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of parse.c: every row is one text and what it must give. */
#include "libross/base/parse.h"

#include <string.h>

#include "libross/base/clock.h"
#include "libross/base/mem.h"
#include "libross/base/test.h"

#define BAD INT64_MIN /* the row must be refused */

struct row {
    const char *text;
    int64_t want;
};

static void
check_rows(const struct row *rows, size_t n, int (*parse)(const char *, int64_t *, struct err *))
{
    struct err err = {0};
    int64_t got;

    for (size_t i = 0; i < n; i++) {
        got = 12345;
        if (rows[i].want == BAD) {
            if (parse(rows[i].text, &got, &err) != -CODE_INVALID_ARGUMENT)
                fail_msg("'%s' was taken as %lld", rows[i].text, (long long) got);
            assert_int_equal(got, 12345);
            assert_non_null(strstr(err.msg, rows[i].text));
            continue;
        }
        if (parse(rows[i].text, &got, &err) < 0)
            fail_msg("'%s': %s", rows[i].text, err.msg);
        if (got != rows[i].want)
            fail_msg("'%s' gave %lld", rows[i].text, (long long) got);
    }
}

static void
u64_takes_digits_up_to_its_end(void **state)
{
    static const struct {
        const char *text;
        uint64_t want;
        int code;
    } rows[] = {
        {"0", 0, 0},
        {"007", 7, 0},
        {"18446744073709551615", UINT64_MAX, 0},
        {"18446744073709551616", 0, CODE_INVALID_ARGUMENT},
        {"99999999999999999999999", 0, CODE_INVALID_ARGUMENT},
        {"", 0, CODE_INVALID_ARGUMENT},
        {"-1", 0, CODE_INVALID_ARGUMENT},
        {"+1", 0, CODE_INVALID_ARGUMENT},
        {" 1", 0, CODE_INVALID_ARGUMENT},
        {"1 ", 0, CODE_INVALID_ARGUMENT},
        {"1x", 0, CODE_INVALID_ARGUMENT},
        {"0x10", 0, CODE_INVALID_ARGUMENT},
    };
    struct err err = {0};
    uint64_t got;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        got = 0;
        assert_int_equal(parse_u64(rows[i].text, &got, &err), -rows[i].code);
        assert_true(got == rows[i].want);
    }
}

static void
u32_stops_at_32_bits(void **state)
{
    struct err err = {0};
    uint32_t got = 5;

    (void) state;
    assert_ok(parse_u32("4294967295", &got, &err), &err);
    assert_int_equal(got, UINT32_MAX);
    assert_code(parse_u32("4294967296", &got, &err), CODE_INVALID_ARGUMENT, &err);
    assert_int_equal(got, UINT32_MAX);
}

static void
i64_takes_one_minus(void **state)
{
    static const struct row rows[] = {
        {"0", 0},
        {"-0", 0},
        {"-1", -1},
        {"9223372036854775807", INT64_MAX},
        {"9223372036854775808", BAD},
        {"-9223372036854775807", -INT64_MAX},
        {"-9223372036854775809", BAD},
        {"--1", BAD},
        {"-", BAD},
        {"+1", BAD},
    };
    struct err err = {0};
    int64_t least = 0;

    (void) state;
    check_rows(rows, ARRAY_LEN(rows), parse_i64);
    assert_ok(parse_i64("-9223372036854775808", &least, &err), &err);
    assert_true(least == INT64_MIN);
}

static void
sizes_are_powers_of_1024(void **state)
{
    static const struct row rows[] = {
        {"0", 0},
        {"1048576", 1048576},
        {"512b", 512},
        {"64k", 65536},
        {"64K", 65536},
        {"1kb", 1024},
        {"2GiB", INT64_C(2) << 30},
        {"2gib", INT64_C(2) << 30},
        {"10M", INT64_C(10) << 20},
        {"1.5g", INT64_C(3) << 29},
        {"0.5k", 512},
        {"0.0001k", 0},
        {"1T", INT64_C(1) << 40},
        {"7e", INT64_C(7) << 60},
        {"7.999999999e", 9223372035701854303},
        {"8e", BAD},
        {"9223372036854775807", INT64_MAX},
        {"9223372036854775808", BAD},
        {"18446744073709551616", BAD},
        {"1.5", BAD}, /* half a byte */
        {"1.k", BAD},
        {".5k", BAD},
        {"1.0000000001k", BAD}, /* too many digits to be meant */
        {"", BAD},
        {"k", BAD},
        {"-1", BAD},
        {"1 k", BAD},
        {"1kk", BAD},
        {"1kbb", BAD},
        {"1x", BAD},
        {"1\x0b", BAD}, /* 0x0b | 0x20 is no letter */
    };

    (void) state;
    check_rows(rows, ARRAY_LEN(rows), parse_size);
}

static void
durations_add_up_their_parts(void **state)
{
    static const struct row rows[] = {
        {"0", 0},
        {"10", 10 * NS_PER_S},
        {"10s", 10 * NS_PER_S},
        {"1m30s", 90 * NS_PER_S},
        {"250ms", 250 * NS_PER_MS},
        {"3us", 3000},
        {"7ns", 7},
        {"1h", 3600 * NS_PER_S},
        {"1.5h", 5400 * NS_PER_S},
        {"0.000000001s", 1},
        {"0s", 0},
        {"2562047h", INT64_C(2562047) * 3600 * NS_PER_S},
        {"2562048h", BAD},
        {"9223372036854775807ns", INT64_MAX},
        {"9223372036854775807ns1ns", BAD},
        {"9223372037", BAD},
        {"1.5", BAD},
        {"1m30", BAD}, /* thirty what? */
        {"0s5", BAD},
        {"", BAD},
        {"s", BAD},
        {"-1s", BAD},
        {"1d", BAD},
        {"1S", BAD},
        {"1s ", BAD},
        {"1..5s", BAD},
    };

    (void) state;
    check_rows(rows, ARRAY_LEN(rows), parse_duration);
}

static void
booleans_are_eight_words(void **state)
{
    static const char *const yes[] = {"true", "1", "yes", "on"};
    static const char *const no[] = {"false", "0", "no", "off"};
    static const char *const bad[] = {"", "TRUE", "2", "y", "true ", "onn"};
    struct err err = {0};
    bool got;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        got = false;
        assert_ok(parse_bool(yes[i], &got, &err), &err);
        assert_true(got);
        assert_ok(parse_bool(no[i], &got, &err), &err);
        assert_false(got);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_code(parse_bool(bad[i], &got, &err), CODE_INVALID_ARGUMENT, &err);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u64_takes_digits_up_to_its_end),
        cmocka_unit_test(u32_stops_at_32_bits),
        cmocka_unit_test(i64_takes_one_minus),
        cmocka_unit_test(sizes_are_powers_of_1024),
        cmocka_unit_test(durations_add_up_their_parts),
        cmocka_unit_test(booleans_are_eight_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
