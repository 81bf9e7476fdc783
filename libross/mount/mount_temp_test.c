/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of mount_temp.c. */
#include "libross/mount/mount_temp.h"

#include <stdlib.h>
#include <string.h>

#include "mount_test_lib.h"
#include "mountinfo.h"

static struct strv
all_mounts(void)
{
    struct strv found = {0};
    struct err err = {0};

    assert_ok(mountinfo_below("/", &found, &err), &err);
    return found;
}

/* Others may go: where a program removes the directory of a mount that we have a copy of, it goes from here as well. */
static void
assert_none_but(const struct strv *before)
{
    AUTO(strv) now = all_mounts();
    AUTO(strv) known = strv_clone(before);

    for (size_t i = 0; i < now.n; i++) {
        size_t k = 0;

        while (k < known.n && strcmp(known.items[k], now.items[i]) != 0)
            k++;
        if (k == known.n)
            fail_msg("%s is mounted", now.items[i]);
        strv_remove(&known, k);
    }
}

static const struct mount_apply_options ways[] = {{.classic = false}, {.classic = true}};

#define BOTH_WAYS(o)                                                                               \
    for (const struct mount_apply_options *o = ways; o < ways + ARRAY_LEN(ways); o++)

static void
add_overlay(struct mount_list *l, const char *base)
{
    auto_free char *low = test_dir(base, "1/fs"), *high = test_dir(base, "2/fs");
    auto_free char *upper = test_dir(base, "3/fs"), *work = test_dir(base, "3/work");
    auto_free char *lower = xasprintf("lowerdir=%s:%s", high, low);
    auto_free char *up = xasprintf("upperdir=%s", upper), *wk = xasprintf("workdir=%s", work);

    test_file(low, "low", "l");
    test_mount(l, "overlay", "overlay", WORDS(wk, up, lower));
}

static void
an_overlay_is_used_without_being_in_the_tree(void **state)
{
    SKIP_WITHOUT_MOUNTS();
    auto_free char *upper = path_join(*state, "3/fs"), *tmp = test_dir(*state, "tmp");
    AUTO(mount_list) l = {0};
    AUTO(strv) before = all_mounts();
    struct err err = {0};

    add_overlay(&l, *state);
    BOTH_WAYS(o)
    {
        AUTO_PTR(mount_temp) t = NULL;
        int fd;

        assert_ok(mount_temp_open(&l, tmp, o, &t, &err), &err);
        assert_none_but(&before);
        assert_int_equal(fcntl(mount_temp_fd(t), F_GETFD), FD_CLOEXEC);
        assert_file(mount_temp_path(t), "low", "l");
        fd = openat(mount_temp_fd(t), "new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, "n", 1), 1);
        (void) close(fd);
        assert_file(upper, "new", "n");
        /* the directory is gone with all its entries */
        assert_int_equal(rmdir(tmp), 0);
        assert_int_equal(mkdir(tmp, 0700), 0);
    }
}

static void
binds_and_lists_with_sub_paths_work_too(void **state)
{
    SKIP_WITHOUT_MOUNTS();
    auto_free char *from = test_dir(*state, "from"), *inner = test_dir(from, "in/ner");
    auto_free char *other = test_dir(*state, "other"), *tmp = test_dir(*state, "tmp");
    AUTO(strv) before = all_mounts();
    struct err err = {0};

    test_file(from, "file", "x");
    test_file(other, "file", "other");
    BOTH_WAYS(o)
    {
        AUTO_PTR(mount_temp) one = NULL;
        AUTO_PTR(mount_temp) two = NULL;
        AUTO(mount_list) l = {0};
        struct mount *m;

        test_mount(&l, "bind", from, WORDS("ro", "rbind"));
        assert_ok(mount_temp_open(&l, tmp, o, &one, &err), &err);
        assert_file(mount_temp_path(one), "file", "x");
        assert_int_equal(openat(mount_temp_fd(one), "new", O_WRONLY | O_CREAT, 0600), -1);
        assert_int_equal(errno, EROFS);
        m = test_mount(&l, "bind", other, WORDS("rbind"));
        free(m->target);
        m->target = xstrdup("in/ner");
        assert_ok(mount_temp_open(&l, tmp, o, &two, &err), &err);
        assert_file(mount_temp_path(two), "in/ner/file", "other");
        assert_none_but(&before);
    }
}

static void
a_failure_leaves_nothing(void **state)
{
    SKIP_WITHOUT_MOUNTS();
    auto_free char *tmp = test_dir(*state, "tmp");
    AUTO(mount_list) l = {0};
    struct mount_temp *t = NULL;
    AUTO(strv) before = all_mounts();
    struct err err = {0};

    assert_code(mount_temp_open(&l, tmp, NULL, &t, &err), CODE_INVALID_ARGUMENT, &err);
    test_mount(&l, "bind", "/nowhere/at/all", WORDS("rbind"));
    BOTH_WAYS(o)
    assert_code(mount_temp_open(&l, tmp, o, &t, &err), CODE_FAILED_PRECONDITION, &err);
    assert_null(t);
    assert_none_but(&before);
    assert_int_equal(rmdir(tmp), 0);
    mount_temp_free(NULL);
}

static void
collect_removes_what_a_kill_left(void **state)
{
    SKIP_WITHOUT_MOUNTS();
    auto_free char *tmp = test_dir(*state, "tmp"),
                   *left = test_dir(tmp, MOUNT_TEMP_PREFIX "abcdef");
    auto_free char *idmap = test_dir(tmp, MOUNT_TEMP_PREFIX "layers/0"),
                   *kept = test_dir(tmp, "kept");
    auto_free char *missing = path_join(tmp, "missing");
    struct err err = {0};

    assert_int_equal(mount("tmpfs", left, "tmpfs", 0, NULL), 0);
    test_file(left, "inside", "x");
    assert_int_equal(mount(kept, idmap, NULL, MS_BIND, NULL), 0);
    test_file(kept, "file", "x");
    assert_ok(mount_temp_collect(tmp, &err), &err);
    assert_false(test_exists(tmp, MOUNT_TEMP_PREFIX "abcdef"));
    assert_false(test_exists(tmp, MOUNT_TEMP_PREFIX "layers"));
    assert_file(kept, "file", "x");
    assert_ok(mount_temp_collect(missing, &err), &err);
    /* a directory that has content of its own is not ours to remove */
    free(left);
    left = test_dir(tmp, MOUNT_TEMP_PREFIX "zzzzzz");
    test_file(left, "precious", "x");
    assert_true(mount_temp_collect(tmp, &err) < 0);
    assert_int_equal(err.sys_errno, ENOTEMPTY);
    assert_file(left, "precious", "x");
}

#define T(f) cmocka_unit_test_setup_teardown(f, test_tmpfs_setup, test_tmpfs_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_overlay_is_used_without_being_in_the_tree),
        T(binds_and_lists_with_sub_paths_work_too),
        T(a_failure_leaves_nothing),
        T(collect_removes_what_a_kill_left),
    };

    return cmocka_run_group_tests(tests, test_mounts_enter, NULL);
}
