/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of buf.c. */
#include "libross/base/buf.h"

#include <stdint.h>
#include <string.h>

#include "libross/base/test.h"

static void
grows_and_is_always_terminated(void **state)
{
    AUTO(buf) b = BUF_INIT(100000);
    struct err err = {0};

    (void) state;
    assert_null(b.data);
    for (int i = 0; i < 1000; i++) {
        assert_ok(buf_append(&b, "0123456789", 10, &err), &err);
        assert_int_equal(b.len, 10 * (i + 1));
        assert_int_equal(b.data[b.len], 0);
    }
    assert_memory_equal(b.data + 9990, "0123456789", 11);
}

/* For every maximum: exactly that much fits, and a refused piece changes nothing. */
static void
the_maximum_is_exact(void **state)
{
    struct err err = {0};

    (void) state;
    for (size_t max = 1; max < 300; max++) {
        AUTO(buf) b = BUF_INIT(max);

        for (size_t i = 0; i < max; i++)
            assert_ok(buf_append(&b, "x", 1, &err), &err);
        assert_code(buf_append(&b, "y", 1, &err), CODE_RESOURCE_EXHAUSTED, &err);
        assert_code(buf_append_str(&b, "yy", &err), CODE_RESOURCE_EXHAUSTED, &err);
        assert_code(buf_printf(&b, &err, "%d", 1), CODE_RESOURCE_EXHAUSTED, &err);
        assert_code(buf_reserve(&b, SIZE_MAX, &err), CODE_RESOURCE_EXHAUSTED, &err);
        assert_int_equal(b.len, max);
        assert_int_equal(strlen(b.data), max);
        assert_ok(buf_append(&b, "", 0, &err), &err);
    }
}

static void
printf_appends(void **state)
{
    AUTO(buf) b = BUF_INIT(1000);
    struct err err = {0};

    (void) state;
    assert_ok(buf_printf(&b, &err, "%s=%d;", "a", 1), &err);
    assert_ok(buf_printf(&b, &err, "%*s", 200, "b"), &err);
    assert_int_equal(b.len, 204);
    assert_true(strncmp(b.data, "a=1; ", 5) == 0);
    assert_int_equal(b.data[203], 'b');
}

static void
consume_moves_the_rest_to_the_front(void **state)
{
    AUTO(buf) b = BUF_INIT(100);
    struct err err = {0};

    (void) state;
    buf_consume(&b, 0);
    assert_ok(buf_append_str(&b, "abcdef", &err), &err);
    buf_consume(&b, 2);
    assert_string_equal(b.data, "cdef");
    buf_consume(&b, 4);
    assert_string_equal(b.data, "");
    assert_int_equal(b.len, 0);
}

static void
take_and_clear_empty_it(void **state)
{
    AUTO(buf) b = BUF_INIT(100);
    auto_free char *nothing = buf_take(&b), *text = NULL;
    struct err err = {0};

    (void) state;
    assert_string_equal(nothing, "");
    buf_clear(&b);
    assert_ok(buf_append_str(&b, "abc", &err), &err);
    text = buf_take(&b);
    assert_string_equal(text, "abc");
    assert_null(b.data);
    assert_ok(buf_append_str(&b, "d", &err), &err);
    buf_clear(&b);
    assert_int_equal(b.len, 0);
    assert_string_equal(b.data, "");
    buf_done(&b);
    buf_done(&b);
}

static void
room_is_written_by_the_caller(void **state)
{
    AUTO(buf) b = BUF_INIT(100);
    struct err err = {0};

    (void) state;
    assert_ok(buf_reserve(&b, 50, &err), &err);
    assert_string_equal(b.data, "");
    memset(b.data, 'z', 50);
    buf_added(&b, 3);
    assert_string_equal(b.data, "zzz");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_is_always_terminated),
        cmocka_unit_test(the_maximum_is_exact),
        cmocka_unit_test(printf_appends),
        cmocka_unit_test(consume_moves_the_rest_to_the_front),
        cmocka_unit_test(take_and_clear_empty_it),
        cmocka_unit_test(room_is_written_by_the_caller),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
