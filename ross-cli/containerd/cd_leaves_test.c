/* SPDX-License-Identifier: Apache-2.0 */
#include "cd_leaves.h"

#include <string.h>

#include "libross/base/test.h"

static struct strv
leaves_of(const char *text)
{
    AUTO_PTR(toml) root = NULL;
    struct strv leaves = {0};
    struct err err = {0};

    assert_ok(toml_parse(text, strlen(text), &root, &err), &err);
    cd_leaves(root, &leaves);
    return leaves;
}

static void
spelling_and_order_do_not_count(void **state)
{
    struct strv a = leaves_of("x = 1\n[t]\ny = [true, 'z']\nf = 0.5\nd = 1979-05-27\n");
    struct strv b =
        leaves_of("t = { d = 1979-05-27, f = 5e-1, y = [true, \"z\"] }\nx = 0x1\n[u]\n");
    struct strv none = {0};

    (void) state;
    assert_int_equal(a.n, 5);
    assert_true(cd_leaves_same(&a, &b, &none));
    strv_done(&a);
    strv_done(&b);
}

static void
only_what_is_excepted_may_differ(void **state)
{
    struct strv a = leaves_of("a = 1\nb = 2\n"), b = leaves_of("a = 1\nb = 3\nc.d = 4\n");
    struct strv except = {0};

    (void) state;
    assert_false(cd_leaves_same(&a, &b, &except));
    strv_add(&except, "b" CD_LEAVES_SEP);
    assert_false(cd_leaves_same(&a, &b, &except));
    strv_add(&except, "c" CD_LEAVES_SEP);
    assert_true(cd_leaves_same(&a, &b, &except));
    strv_done(&a);
    strv_done(&b);
    strv_done(&except);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spelling_and_order_do_not_count),
        cmocka_unit_test(only_what_is_excepted_may_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
