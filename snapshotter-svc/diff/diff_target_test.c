/* SPDX-License-Identifier: Apache-2.0 */
#include "diff_target.h"

#include "libross/base/test.h"

struct target_case {
    const char *type, *source, *options; /* options joined with ';' */
    enum diff_target_kind kind;
    const char *dir, *lowerdirs; /* joined with ' ' */
    bool userxattr;
};

static const struct target_case target_cases[] = {
    {"overlay", "overlay", "workdir=/w;upperdir=/u;lowerdir=/a:/b:/c;index=off", DIFF_TARGET_UPPER,
     "/u", "/a /b /c", false},
    {"overlay", "overlay", "upperdir=/u;lowerdir=/a;userxattr", DIFF_TARGET_UPPER, "/u", "/a",
     true},
    {"overlay", "overlay", "upperdir=/u;lowerdir+=/a;lowerdir+=/b", DIFF_TARGET_UPPER, "/u",
     "/a /b", false},
    {"overlay", "overlay", "upperdir=/u;lowerdir=/a\\:1:/b::/data", DIFF_TARGET_UPPER, "/u",
     "/a:1 /b", false},
    {"overlay", "overlay", "upperdir=/u", DIFF_TARGET_UPPER, "/u", "", false},
    {"overlay", "overlay", "lowerdir=/a:/b", DIFF_TARGET_MOUNT, NULL, "", false},
    {"bind", "/s", "rw;rbind", DIFF_TARGET_BIND, "/s", "", false},
    {"bind", "/s", "ro;rbind", DIFF_TARGET_MOUNT, NULL, "", false},
    {"bind", "/s", "uidmap=0:1:1;gidmap=0:1:1;rw;rbind", DIFF_TARGET_MOUNT, NULL, "", false},
    {"ext4", "/dev/x", "", DIFF_TARGET_MOUNT, NULL, "", false},
};

static void
targets_follow_the_mounts(void **state)
{
    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(target_cases); i++) {
        const struct target_case *c = &target_cases[i];
        AUTO(mount_list) l = {0};
        struct mount *m = mount_list_add(&l, c->type, c->source);
        auto_free char *lower = NULL;
        struct diff_target t;

        if (*c->options)
            m->options = strv_split(c->options, ';');
        t = diff_target_of(&l);
        assert_int_equal(t.kind, c->kind);
        if (c->dir)
            assert_string_equal(t.dir, c->dir);
        lower = strv_join(&t.lowerdirs, " ");
        assert_string_equal(lower, c->lowerdirs);
        assert_int_equal(t.userxattr, c->userxattr);
        diff_target_done(&t);
    }
}

static void
several_mounts_are_mounted(void **state)
{
    AUTO(mount_list) l = {0};
    struct diff_target t;

    (void) state;
    mount_list_add(&l, "bind", "/a");
    mount_list_add(&l, "bind", "/b");
    t = diff_target_of(&l);
    assert_int_equal(t.kind, DIFF_TARGET_MOUNT);
    diff_target_done(&t);
}

static void
some_directory_is_found(void **state)
{
    static const struct {
        const char *type, *source, *options, *want;
    } cases[] = {
        {"bind", "/s", "ro", "/s"},
        {"overlay", "overlay", "upperdir=/u;lowerdir=/a:/b", "/u"},
        {"overlay", "overlay", "index=off;lowerdir=/a:/b", "/a"},
        {"overlay", "overlay", "index=off", NULL},
    };
    static const struct mount_list none;

    (void) state;
    assert_null(diff_target_any_dir(&none));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(mount_list) l = {0};
        auto_free char *dir = NULL;

        mount_list_add(&l, cases[i].type, cases[i].source)->options =
            strv_split(cases[i].options, ';');
        dir = diff_target_any_dir(&l);
        if (cases[i].want)
            assert_string_equal(dir, cases[i].want);
        else
            assert_null(dir);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_follow_the_mounts),
        cmocka_unit_test(several_mounts_are_mounted),
        cmocka_unit_test(some_directory_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
