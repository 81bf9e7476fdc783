/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of mount.c. */
#include "libross/mount/mount.h"

#include "libross/base/test.h"

static void
an_added_mount_is_complete(void **state)
{
    struct mount_list l = {0};
    struct mount *m;

    (void) state;
    for (int i = 0; i < 20; i++)
        (void) mount_list_add(&l, "bind", "/source");
    m = mount_list_add(&l, "overlay", "overlay");
    assert_int_equal(l.n, 21);
    assert_string_equal(m->type, "overlay");
    assert_string_equal(m->source, "overlay");
    assert_string_equal(m->target, "");
    assert_int_equal(m->options.n, 0);
    mount_list_done(&l);
    assert_int_equal(l.n, 0);
    assert_null(l.items);
    mount_list_done(&l);
}

static void
a_clone_shares_nothing(void **state)
{
    struct mount_list l = {0}, copy;
    struct mount *m = mount_list_add(&l, "bind", "/a");

    (void) state;
    free(m->target);
    m->target = xstrdup("sub/dir");
    strv_add(&m->options, "ro");
    strv_add(&m->options, "rbind");
    copy = mount_list_clone(&l);
    mount_list_done(&l);
    assert_int_equal(copy.n, 1);
    assert_string_equal(copy.items[0].type, "bind");
    assert_string_equal(copy.items[0].source, "/a");
    assert_string_equal(copy.items[0].target, "sub/dir");
    assert_int_equal(copy.items[0].options.n, 2);
    assert_string_equal(copy.items[0].options.items[1], "rbind");
    mount_list_done(&copy);
    copy = mount_list_clone(&l);
    assert_int_equal(copy.n, 0);
}

static void
the_first_option_of_a_key_is_found(void **state)
{
    struct mount_list l = {0};
    struct mount *m = mount_list_add(&l, "overlay", "overlay");

    (void) state;
    strv_add(&m->options, "lowerdirs=no");
    strv_add(&m->options, "lowerdir");
    strv_add(&m->options, "lowerdir=/a:/b=c");
    strv_add(&m->options, "lowerdir=/z");
    strv_add(&m->options, "empty=");
    assert_string_equal(mount_option_find(m, "lowerdir"), "/a:/b=c");
    assert_string_equal(mount_option_find(m, "empty"), "");
    assert_null(mount_option_find(m, "upperdir"));
    assert_null(mount_option_find(m, "lower"));
    mount_list_done(&l);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_added_mount_is_complete),
        cmocka_unit_test(a_clone_shares_nothing),
        cmocka_unit_test(the_first_option_of_a_key_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
