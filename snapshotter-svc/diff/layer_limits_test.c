/* SPDX-License-Identifier: Apache-2.0 */
#include "layer_limits.h"

#include <stdio.h>

#include "libross/base/test.h"

static int
set(struct layer_limits *l, const char *name, const char *value, struct err *err)
{
    auto_free char *option = xasprintf("--%s", name);
    char *argv[] = {option, option, (char *) (uintptr_t) value, NULL};
    int words;

    return options_parse(layer_limits_rows, layer_limits_rows_n, l, 3, argv, false, &words, err);
}

/* A limit without an option would be one that nobody can change. */
static void
every_limit_has_an_option(void **state)
{
    struct layer_limits l;
    struct err err = {0};

    (void) state;
    layer_limits_init(&l);
    for (size_t i = 0; i < layer_limits_rows_n; i++)
        assert_ok(set(&l, layer_limits_rows[i].name, "7", &err), &err);
    assert_int_equal(l.tar.stream_bytes_max, 7);
    assert_int_equal(l.tar.content_bytes_max, 7);
    assert_int_equal(l.tar.entries_max, 7);
    assert_int_equal(l.tar.depth_max, 7);
    assert_int_equal(l.tar.name_bytes_max, 7);
    assert_int_equal(l.tar.extended_bytes_max, 7);
    assert_int_equal(l.tar.extensions_max, 7);
    assert_int_equal(l.tar.xattrs_max, 7);
    assert_int_equal(l.tar.xattr_bytes_max, 7);
    assert_int_equal(l.tar.sparse_max, 7);
    assert_int_equal(l.stream.output_bytes_max, 7);
    assert_int_equal(l.stream.ratio_max, 7);
    assert_int_equal(l.stream.ratio_floor_bytes, 7);
    assert_int_equal(l.stream.zstd_window_log_max, 7);
}

static void
takes_sizes_and_refuses_what_is_no_limit(void **state)
{
    static const char *const bad[] = {"0", "-1", "many", "", "5GiB"};
    struct layer_limits l;
    struct err err = {0};

    (void) state;
    layer_limits_init(&l);
    assert_ok(set(&l, "layer-size-max", "2GiB", &err), &err);
    assert_int_equal(l.tar.stream_bytes_max, INT64_C(2) << 30);
    assert_int_equal(l.tar.entries_max, tar_limits_default.entries_max);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_code(set(&l, "layer-xattr-size-max", bad[i], &err), CODE_INVALID_ARGUMENT, &err);
    assert_code(set(&l, "layer-zstd-window-max", "32", &err), CODE_INVALID_ARGUMENT, &err);
    assert_int_equal(l.tar.xattr_bytes_max, tar_limits_default.xattr_bytes_max);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_limit_has_an_option),
        cmocka_unit_test(takes_sizes_and_refuses_what_is_no_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
