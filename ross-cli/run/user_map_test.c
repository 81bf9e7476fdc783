/* SPDX-License-Identifier: Apache-2.0 */
#include "user_map.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libross/base/mem.h"
#include "libross/base/path.h"
#include "libross/base/rmtree.h"
#include "libross/base/test.h"

static void
words_of_userns(void **state)
{
    static const struct {
        const char *text;
        struct user_map want;
    } good[] = {
        {NULL, {0}},
        {"host", {0}},
        {"auto", {.any = true, .automatic = true, .size = 65536}},
        {"auto:size=10", {.any = true, .automatic = true, .size = 10}},
        {"1000:2000:5", {.any = true, .uid = 1000, .gid = 2000, .size = 5}},
        {"0:0:4294967295", {.any = true, .size = UINT32_MAX}},
    };
    static const char *const bad[] = {
        "",          "keep-id",        "nomap",          "container:x",
        "auto:",     "auto:size=0",    "auto:x",         "auto:size=-1",
        "1000:2000", "1000:2000:0",    "1:2:3:4",        "-1:2:3",
        "a:b:c",     "4294967295:0:1", "0:1:4294967295", "auto:size=999999999",
    };
    struct user_map m;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct err err = {0};

        assert_ok(user_map_parse(good[i].text, &m, &err), &err);
        assert_int_equal(m.any, good[i].want.any);
        assert_int_equal(m.automatic, good[i].want.automatic);
        assert_int_equal(m.uid, good[i].want.uid);
        assert_int_equal(m.gid, good[i].want.gid);
        assert_int_equal(m.size, good[i].want.size);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = {0};

        assert_code(user_map_parse(bad[i], &m, &err), CODE_INVALID_ARGUMENT, &err);
        assert_non_null(strstr(err.msg, "--userns"));
    }
}

static char *
container(const char *root, const char *name)
{
    char *dir = xasprintf("%s/containers/default/%s", root, name);
    struct err err = {0};

    assert_ok(path_mkdirs_at(AT_FDCWD, dir, 0700, &err), &err);
    return dir;
}

static void
no_two_get_the_same_ids(void **state)
{
    char *root = test_tmpdir();
    auto_free char *a = container(root, "a"), *b = container(root, "b"), *c = container(root, "c"),
                   *d = container(root, "d");
    struct user_map m = {.any = true, .automatic = true, .size = 65537}, got;
    struct err err = {0};

    (void) state;
    assert_ok(user_map_take(root, a, false, &m, &err), &err);
    assert_int_equal(m.uid, USER_MAP_AUTO_BEGIN);
    assert_int_equal(m.gid, USER_MAP_AUTO_BEGIN);
    /* chosen by hand, right behind the next */
    m = (struct user_map){.any = true, .uid = 7, .gid = USER_MAP_AUTO_BEGIN + 3 * 65536, .size = 9};
    assert_ok(user_map_take(root, b, true, &m, &err), &err);
    m = (struct user_map){.any = true, .automatic = true, .size = 2 * 65536};
    assert_ok(user_map_take(root, c, false, &m, &err), &err);
    assert_int_equal(m.uid, USER_MAP_AUTO_BEGIN + 4 * 65536);
    assert_ok(user_map_read(c, &got, &err), &err);
    assert_true(got.any && !got.automatic && got.uid == m.uid && got.size == m.size);
    assert_ok(user_map_read(d, &got, &err), &err);
    assert_false(got.any);
    /* the gap is found, and what is removed is free again */
    m = (struct user_map){.any = true, .automatic = true, .size = 65536};
    assert_ok(user_map_take(root, d, false, &m, &err), &err);
    assert_int_equal(m.uid, USER_MAP_AUTO_BEGIN + 2 * 65536);
    assert_ok(rmtree_at(AT_FDCWD, a, &err), &err);
    m = (struct user_map){.any = true, .automatic = true, .size = 1};
    assert_ok(user_map_take(root, d, false, &m, &err), &err);
    assert_int_equal(m.uid, USER_MAP_AUTO_BEGIN);
    m = (struct user_map){
        .any = true, .automatic = true, .size = USER_MAP_AUTO_END - USER_MAP_AUTO_BEGIN};
    assert_code(user_map_take(root, d, false, &m, &err), CODE_RESOURCE_EXHAUSTED, &err);
    test_tmpdir_remove(root);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_userns),
        cmocka_unit_test(no_two_get_the_same_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
