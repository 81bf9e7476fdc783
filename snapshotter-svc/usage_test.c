/* SPDX-License-Identifier: Apache-2.0 */
#include "usage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/base/test.h"

static int
setup(void **state)
{
    *state = test_tmpdir();
    assert_int_equal(chmod(*state, 0755), 0);
    return 0;
}

static int
teardown(void **state)
{
    test_tmpdir_remove(*state);
    return 0;
}

static struct usage_scan
scan(int fd)
{
    struct usage_scan u;
    struct err err = {0};

    assert_ok(usage_scan(fd, &u, &err), &err);
    return u;
}

static void
an_empty_directory_is_one_inode(void **state)
{
    auto_close int fd = open(*state, O_RDONLY | O_DIRECTORY);
    struct usage_scan u = scan(fd);

    assert_int_equal(u.usage.inodes, 1);
    assert_true(u.pristine);
    assert_int_equal(fchmod(fd, 0700), 0);
    assert_false(scan(fd).pristine);
}

static void
hard_links_count_once_and_holes_not(void **state)
{
    auto_close int fd = open(*state, O_RDONLY | O_DIRECTORY);
    int64_t before = scan(fd).usage.size_bytes;
    auto_close int file = openat(fd, "file", O_RDWR | O_CREAT, 0600);
    struct usage_scan u;
    char block[8192] = {1};
    char name[16];

    assert_int_equal(write(file, block, sizeof block), sizeof block);
    assert_int_equal(ftruncate(file, 1 << 30), 0);
    assert_int_equal(fsync(file), 0);
    for (int i = 0; i < 200; i++) {
        (void) snprintf(name, sizeof name, "link%d", i);
        assert_int_equal(linkat(fd, "file", fd, name, 0), 0);
    }
    u = scan(fd);
    assert_int_equal(u.usage.inodes, 2);
    assert_true(u.usage.size_bytes - before < 64 * 1024);
    assert_true(u.usage.size_bytes - before >= (int64_t) sizeof block);
    assert_false(u.pristine);
    assert_false(u.whiteouts);
}

static void
whiteouts_are_noticed(void **state)
{
    auto_close int fd = open(*state, O_RDONLY | O_DIRECTORY);

    if (mknodat(fd, "gone", S_IFCHR, makedev(0, 0)) < 0) {
        assert_int_equal(errno, EPERM);
        skip();
    }
    assert_true(scan(fd).whiteouts);
}

static void
the_newest_change_is_reported(void **state)
{
    auto_close int fd = open(*state, O_RDONLY | O_DIRECTORY);
    int64_t before = scan(fd).newest_ctime_ns;

    assert_int_equal(mkdirat(fd, "d", 0700), 0);
    assert_int_equal(mkdirat(fd, "d/e", 0700), 0);
    assert_true(scan(fd).newest_ctime_ns >= before);
    assert_int_equal(scan(fd).usage.inodes, 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_directory_is_one_inode, setup, teardown),
        cmocka_unit_test_setup_teardown(hard_links_count_once_and_holes_not, setup, teardown),
        cmocka_unit_test_setup_teardown(whiteouts_are_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(the_newest_change_is_reported, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
