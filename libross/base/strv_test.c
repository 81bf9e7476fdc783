/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of strv.c. */
#include "libross/base/strv.h"

#include <stdint.h>
#include <stdlib.h>

#include "libross/base/test.h"

static void
is_an_argv_at_every_length(void **state)
{
    AUTO(strv) v = {0};

    (void) state;
    assert_null(v.items);
    for (size_t i = 0; i < 100; i++) {
        strv_printf(&v, "%zu", i);
        assert_int_equal(v.n, i + 1);
        assert_null(v.items[v.n]);
    }
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(atoi(v.items[i]), i);
}

static void
splits_at_each_separator(void **state)
{
    static const struct {
        const char *text;
        size_t n;
    } rows[] = {{"", 1}, {"a", 1}, {"a,b", 2}, {"a,,b", 3}, {",", 2}, {",a,", 3}};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(strv) v = strv_split(rows[i].text, ',');
        auto_free char *joined = strv_join(&v, ",");

        assert_int_equal(v.n, rows[i].n);
        assert_string_equal(joined, rows[i].text);
    }
}

static void
joins_with_any_separator(void **state)
{
    AUTO(strv) v = {0};
    auto_free char *none = strv_join(&v, ", "), *two = NULL;

    (void) state;
    assert_string_equal(none, "");
    strv_add(&v, "a");
    strv_add_n(&v, "bcd", 2);
    two = strv_join(&v, ", ");
    assert_string_equal(two, "a, bc");
}

/* Removing and adding in turn, from every length and at every place, against a plain model. */
static void
remove_keeps_the_order_and_the_room(void **state)
{
    (void) state;
    for (size_t len = 1; len <= 20; len++)
        for (size_t at = 0; at < len; at++) {
            AUTO(strv) v = {0};

            for (size_t i = 0; i < len; i++)
                strv_printf(&v, "%zu", i);
            strv_remove(&v, at);
            assert_int_equal(v.n, len - 1);
            assert_null(v.items[v.n]);
            for (size_t i = 0; i < v.n; i++)
                assert_int_equal(atoi(v.items[i]), i < at ? i : i + 1);
            for (size_t i = 0; i < 20; i++)
                strv_add(&v, "more");
            assert_null(v.items[v.n]);
        }
}

static void
sorts_compares_and_clones(void **state)
{
    AUTO(strv) a = strv_split("b,a,B,aa", ',');
    AUTO(strv) b = strv_clone(&a);
    AUTO(strv) none = {0};
    AUTO(strv) none_too = strv_clone(&none);
    auto_free char *joined = NULL;

    (void) state;
    assert_true(strv_equal(&a, &b));
    strv_sort(&a);
    strv_sort(&none);
    joined = strv_join(&a, ",");
    assert_string_equal(joined, "B,a,aa,b");
    assert_false(strv_equal(&a, &b));
    assert_true(strv_equal(&none, &none_too));
    assert_false(strv_equal(&a, &none));
    assert_true(strv_has(&a, "aa"));
    assert_false(strv_has(&a, "aaa"));
    assert_false(strv_has(&none, ""));
    strv_add_all(&b, &a);
    assert_int_equal(b.n, 8);
    strv_take(&b, xstrdup("taken"));
    assert_string_equal(b.items[8], "taken");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_an_argv_at_every_length),
        cmocka_unit_test(splits_at_each_separator),
        cmocka_unit_test(joins_with_any_separator),
        cmocka_unit_test(remove_keeps_the_order_and_the_room),
        cmocka_unit_test(sorts_compares_and_clones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
