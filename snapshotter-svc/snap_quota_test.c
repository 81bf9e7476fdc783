/* SPDX-License-Identifier: Apache-2.0 */
#include "snap_quota.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/base/test.h"
#include "snapshotter-svc/testlib/quota_writer.h"

/* ROSS_TEST_QUOTA_DIR: a directory on a filesystem mounted with prjquota (xfs, ext4 -O quota,project). */
static void
holds_to_the_limit(void **state)
{
    const char *dir = getenv("ROSS_TEST_QUOTA_DIR");
    auto_close int fd = -1, file = -1;
    struct err err = {0};

    (void) state;
    if (!dir) {
        print_message("skipped: ROSS_TEST_QUOTA_DIR names no filesystem with project quotas\n");
        skip();
        return;
    }
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(snap_quota_works(fd));
    assert_int_equal(mkdirat(fd, "7", 0700), 0);
    assert_int_equal(mkdirat(fd, "7/fs", 0755), 0);
    assert_ok(snap_quota_set(fd, 7, 1 << 20, &err), &err);
    file = openat(fd, "7/fs/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(file >= 0);
    assert_true(quota_is_full(quota_write_as_nobody(file)));
    snap_quota_clear(fd, 7);
    assert_int_equal(quota_write_as_nobody(file), 0);
}

static void
says_no_where_there_is_none(void **state)
{
    auto_close int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void) state;
    assert_false(snap_quota_works(fd));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_to_the_limit),
        cmocka_unit_test(says_no_where_there_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
