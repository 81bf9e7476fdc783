/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <string.h>

#include "tar_name.h"

static void
splits_names(void **state)
{
    static const struct {
        const char *name, *parent, *base;
    } rows[] = {
        {"a", "", "a"},
        {"a/b", "a", "b"},
        {"a/b/c", "a/b", "c"},
        {"./a", "", "a"},
        {"a/", "", "a"},
        {"a//b///", "a", "b"},
        {"/a/b", "a", "b"},
        {"/", "", ""},
        {".", "", ""},
        {"./", "", ""},
        {"", "", ""},
        {"a/..", "", ""},
        {"a/../b", "", "b"},
        {"a/b/../../c/d", "c", "d"},
        {"/../a", "", "a"},
        {"/a/../../b", "", "b"},
        {"..a/...", "..a", "..."},
        {"a/./b", "a", "b"},
    };
    AUTO(tar_name) n = {0};
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_ok(tar_name_split(rows[i].name, &tar_limits_default, &n, &err), &err);
        assert_string_equal(n.parent, rows[i].parent);
        assert_string_equal(n.base, rows[i].base);
    }
}

static void
refuses_names(void **state)
{
    static const struct tar_limits limits = {.depth_max = 3, .name_bytes_max = 600};
    char long_part[300], long_name[700];
    const struct {
        const char *name;
        int code;
    } rows[] = {
        {"..", CODE_INVALID_ARGUMENT},
        {"../a", CODE_INVALID_ARGUMENT},
        {"a/../../b", CODE_INVALID_ARGUMENT},
        {"./../a", CODE_INVALID_ARGUMENT},
        {long_part, CODE_INVALID_ARGUMENT},
        {"a/b/c/d", CODE_RESOURCE_EXHAUSTED},
        {long_name, CODE_RESOURCE_EXHAUSTED},
        {"a/b/c/..", CODE_OK},
        {"a/b/c/../d", CODE_OK},
        {"a/b/../c/../d/..", CODE_OK},
    };
    AUTO(tar_name) n = {0};
    struct err err = {0};

    (void) state;
    memset(long_part, 'x', sizeof long_part);
    long_part[256] = '\0';
    memset(long_name, '/', sizeof long_name);
    long_name[601] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_code(tar_name_split(rows[i].name, &limits, &n, &err), rows[i].code, &err);
    long_part[255] = '\0';
    assert_ok(tar_name_split(long_part, &limits, &n, &err), &err);
}

static void
shows_names(void **state)
{
    char buf[TAR_NAME_SHOWN_MAX], name[500];

    (void) state;
    assert_string_equal(tar_name_show("a b/\n\xff\\", buf), "a b/\\x0a\\xff\\x5c");
    memset(name, '\n', sizeof name);
    name[499] = '\0';
    assert_true(strlen(tar_name_show(name, buf)) < TAR_NAME_SHOWN_MAX);
    assert_non_null(strstr(buf, "..."));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_names),
        cmocka_unit_test(refuses_names),
        cmocka_unit_test(shows_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
