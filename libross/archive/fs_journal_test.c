/* SPDX-License-Identifier: Apache-2.0 */
#include "fs_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "libross/base/fd.h"
#include "libross/base/test.h"

static void
is_not_told_of_others(void **state)
{
    static const char *const dirs[] = {"/proc", "/proc/self"};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        auto_close int fd = open(dirs[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_false(fs_journal_is_ordered(fd));
    }
    assert_false(fs_journal_is_ordered(-1));
}

static void
commits_and_leaves_the_directory_as_it_was(void **state)
{
    char *tmp = test_tmpdir();
    auto_close int fd = open(tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat before, after;
    struct err err = {0};
    struct statfs fs;

    (void) state;
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, 01711), 0);
    assert_int_equal(fstat(fd, &before), 0);
    assert_ok(fs_journal_commit(fd, &err), &err);
    assert_int_equal(fstat(fd, &after), 0);
    assert_int_equal(after.st_mode, before.st_mode);
    assert_int_equal(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
    assert_int_equal(fstatfs(fd, &fs), 0);
    assert_true(!fs_journal_is_ordered(fd) || fs.f_type == EXT4_SUPER_MAGIC);
    test_tmpdir_remove(tmp);
}

static void
says_what_is_wrong(void **state)
{
    struct err err = {0};
    int r = fs_journal_commit(-1, &err);

    (void) state;
    assert_true(r < 0);
    assert_int_equal(r, -err.code);
    assert_int_equal(err.sys_errno, EBADF);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_not_told_of_others),
        cmocka_unit_test(commits_and_leaves_the_directory_as_it_was),
        cmocka_unit_test(says_what_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
