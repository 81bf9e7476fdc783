/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/images/prune_filter.h"

#include "libross/base/clock.h"
#include "libross/base/test.h"

#define NOW (INT64_C(1800000000) * NS_PER_S)

static void
parses_times(void **state)
{
    static const struct {
        const char *text;
        int64_t until_ns; /* 0 = refused */
    } rows[] = {
        {"until=24h", NOW - 86400 * NS_PER_S},
        {"until=1h30m", NOW - 5400 * NS_PER_S},
        {"until=3600", NOW - 3600 * NS_PER_S},
        {"until=1700000000", INT64_C(1700000000) * NS_PER_S},
        {"until=2023-11-14", INT64_C(1699920000) * NS_PER_S},
        {"until=2023-11-14T22:13:20Z", INT64_C(1700000000) * NS_PER_S},
        {"until=yesterday", 0},
        {"until=", 0},
        {"label=", 0},
        {"label!=", 0},
        {"dangling=true", 0},
        {"", 0},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(prune_filter) f = {0};
        AUTO(strv) words = {0};
        struct err err = {0};
        int r;
        strv_add(&words, rows[i].text);
        r = prune_filter_parse(&words, NOW, &f, &err);
        assert_int_equal(r, rows[i].until_ns ? 0 : -CODE_INVALID_ARGUMENT);
        assert_int_equal(f.until_ns, rows[i].until_ns);
    }
}

static void
matches_all_of_several(void **state)
{
    static const struct {
        const char *filters; /* with ',' between */
        int64_t created_ns;
        bool matches;
    } rows[] = {
        {"label=a", 0, true},
        {"label=a=1", 0, true},
        {"label=a=2", 0, false},
        {"label=c", 0, false},
        {"label=a,label=empty", 0, true},
        {"label=empty=", 0, true},
        {"label=a,label=c", 0, false},
        {"label!=a", 0, false},
        {"label!=a=2", 0, true},
        {"until=1700000000", INT64_C(1700000000) * NS_PER_S, false},
        {"until=1700000000", INT64_C(1699999999) * NS_PER_S, true},
        {"until=1700000000,label=c", 0, false},
    };
    AUTO(labels) labels = {0};

    (void) state;
    labels_set_raw(&labels, "a", "1");
    labels_set_raw(&labels, "empty", "");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(strv) words = strv_split(rows[i].filters, ',');
        AUTO(prune_filter) f = {0};
        assert_int_equal(prune_filter_parse(&words, NOW, &f, NULL), 0);
        assert_int_equal(prune_filter_matches(&f, rows[i].created_ns, &labels), rows[i].matches);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_times),
        cmocka_unit_test(matches_all_of_several),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
