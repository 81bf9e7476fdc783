/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of mountinfo.c. */
#include "libross/mount/mountinfo.h"

#include "mount_test_lib.h"

static void
lines_are_taken_apart(void **state)
{
    static const struct {
        const char *line;
        struct mountinfo want;
    } rows[] = {
        {"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue",
         {36, 35, 98, 0, "/mnt1", "/mnt2", "rw,noatime", "ext3", "/dev/root", "rw,errors=continue",
          false}},
        {"1 1 0:2 / / rw - rootfs none rw",
         {1, 1, 0, 2, "/", "/", "rw", "rootfs", "none", "rw", false}},
        {"90 1 0:50 / /a rw shared:12 master:4 propagate_from:2 unbindable - tmpfs tmpfs rw",
         {90, 1, 0, 50, "/", "/a", "rw", "tmpfs", "tmpfs", "rw", true}},
        {"5 4 0:9 /with\\040blank /a\\011b\\012c\\134d\\043 ro - tmpfs my\\040source rw",
         {5, 4, 0, 9, "/with blank", "/a\tb\nc\\d#", "ro", "tmpfs", "my source", "rw", false}},
        {"5 4 0:9 / /a\\04 rw - t s rw", {5, 4, 0, 9, "/", "/a\\04", "rw", "t", "s", "rw", false}},
        {"5 4 0:9 / /a\\ rw - t s rw", {5, 4, 0, 9, "/", "/a\\", "rw", "t", "s", "rw", false}},
        {"5 4 0:9 / /a\\000b\\400 rw - t s rw",
         {5, 4, 0, 9, "/", "/a\\000b\\400", "rw", "t", "s", "rw", false}},
        {"5 4 0:9 / /a rw - tmpfs  rw", {5, 4, 0, 9, "/", "/a", "rw", "tmpfs", "", "rw", false}},
        {"5 4 0:9 / /a rw - fuse.x s rw,opt=a b",
         {5, 4, 0, 9, "/", "/a", "rw", "fuse.x", "s", "rw,opt=a b", false}},
        {"7 4 0:4 mnt:[4026532] /ns rw - nsfs nsfs rw",
         {7, 4, 0, 4, "mnt:[4026532]", "/ns", "rw", "nsfs", "nsfs", "rw", false}},
    };
    struct err err = {0};
    struct mountinfo m;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *line = xstrdup(rows[i].line);

        assert_ok(mountinfo_parse_line(line, &m, &err), &err);
        assert_int_equal(m.id, rows[i].want.id);
        assert_int_equal(m.parent_id, rows[i].want.parent_id);
        assert_int_equal(m.dev_major, rows[i].want.dev_major);
        assert_int_equal(m.dev_minor, rows[i].want.dev_minor);
        assert_string_equal(m.root, rows[i].want.root);
        assert_string_equal(m.target, rows[i].want.target);
        assert_string_equal(m.options, rows[i].want.options);
        assert_string_equal(m.type, rows[i].want.type);
        assert_string_equal(m.source, rows[i].want.source);
        assert_string_equal(m.super_options, rows[i].want.super_options);
        assert_int_equal(m.shared, rows[i].want.shared);
    }
}

static void
other_lines_are_refused(void **state)
{
    static const char *const lines[] = {
        "",
        " ",
        "36",
        "x 35 98:0 / / rw - t s rw",
        "36 -1 98:0 / / rw - t s rw",
        "36 99999999999 98:0 / / rw - t s rw",
        "36 35 98 / / rw - t s rw",
        "36 35 :0 / / rw - t s rw",
        "36 35 98: / / rw - t s rw",
        "36 35 98:0 / /",
        "36 35 98:0  / rw - t s rw",
        "36 35 98:0 / / rw t s rw",
        "36 35 98:0 / / rw - t",
        "36 35 98:0 / / rw - t s",
        "36 35 98:0 / / rw -",
        "36 35 98:0 / / rw -  s rw",
    };
    struct err err = {0};
    struct mountinfo m;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        auto_free char *line = xstrdup(lines[i]);

        if (mountinfo_parse_line(line, &m, &err) != -CODE_INVALID_ARGUMENT)
            fail_msg("'%s' was taken", lines[i]);
    }
}

static int
stop_at_root(const struct mountinfo *m, void *arg)
{
    ++*(int *) arg;
    return strcmp(m->target, "/") == 0 ? 42 : 0;
}

static int
count(const struct mountinfo *m, void *arg)
{
    (void) m;
    ++*(int *) arg;
    return 0;
}

static void
each_sees_all_and_stops_when_told(void **state)
{
    struct err err = {0};
    int n = 0, all = 0;

    (void) state;
    assert_ok(mountinfo_each(count, &all, &err), &err);
    assert_true(all > 0);
    assert_int_equal(mountinfo_each(stop_at_root, &n, &err), 42);
    assert_true(n >= 1 && n <= all);
}

static void
below_finds_whole_components_deepest_first(void **state)
{
    SKIP_WITHOUT_MOUNTS();
    auto_free char *a = test_dir(*state, "a"), *ab = test_dir(*state, "ab");
    auto_free char *with_slash = xasprintf("%s/", a);
    auto_free char *deep = NULL;
    AUTO(strv) found = {0};
    AUTO(strv) all = {0};
    struct err err = {0};

    assert_int_equal(mount("tmpfs", a, "tmpfs", 0, NULL), 0);
    deep = test_dir(a, "x y/\\z");
    assert_int_equal(mount("tmpfs", deep, "tmpfs", 0, NULL), 0);
    assert_int_equal(mount("tmpfs", ab, "tmpfs", 0, NULL), 0);
    assert_ok(mountinfo_below(a, &found, &err), &err);
    assert_int_equal(found.n, 2);
    assert_string_equal(found.items[0], deep);
    assert_string_equal(found.items[1], a);
    assert_ok(mountinfo_below(with_slash, &found, &err), &err);
    assert_int_equal(found.n, 4);
    assert_ok(mountinfo_below("/", &all, &err), &err);
    assert_true(all.n > 3);
    assert_true(strv_has(&all, ab));
    assert_true(strv_has(&all, "/"));
}

/* Option strings of other programs' overlays are long. */
static void
lines_longer_than_any_buffer_step_are_read(void **state)
{
    SKIP_WITHOUT_MOUNTS();
    auto_free char *to = test_dir(*state, "to"), *joined = NULL, *option = NULL;
    AUTO(strv) layers = {0};
    AUTO(strv) found = {0};
    struct err err = {0};
    char name[64];

    for (int i = 0; i < 300; i++) {
        (void) snprintf(name, sizeof name, "a-rather-long-name-of-a-layer/%d", i);
        strv_take(&layers, test_dir(*state, name));
    }
    {
        int fs = fsopen("overlay", FSOPEN_CLOEXEC), fd;

        for (size_t i = 0; i < layers.n; i++)
            if (fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir+", layers.items[i], 0) < 0) {
                (void) close(fs);
                print_message("kernel without lowerdir+\n");
                skip();
            }
        assert_int_equal(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0), 0);
        fd = fsmount(fs, FSMOUNT_CLOEXEC, 0);
        assert_int_equal(move_mount(fd, "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH), 0);
        (void) close(fs);
        (void) close(fd);
    }
    assert_ok(mountinfo_below(to, &found, &err), &err);
    assert_int_equal(found.n, 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, test_tmpfs_setup, test_tmpfs_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_taken_apart),
        cmocka_unit_test(other_lines_are_refused),
        cmocka_unit_test(each_sees_all_and_stops_when_told),
        T(below_finds_whole_components_deepest_first),
        T(lines_longer_than_any_buffer_step_are_read),
    };

    return cmocka_run_group_tests(tests, test_mounts_enter, NULL);
}
