/* SPDX-License-Identifier: Apache-2.0 */
#include "netns.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libross/base/mem.h"
#include "libross/base/path.h"
#include "libross/base/test.h"

static ino_t
inode(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_ino;
}

static void
lives_on_a_file(void **state)
{
    char *dir = test_tmpdir();
    auto_free char *a = path_join(dir, "a"), *b = path_join(dir, "b");
    ino_t ours = inode("/proc/self/ns/net");
    struct err err = {0};
    int r;

    (void) state;
    r = netns_make(a, true, &err);
    if (r == -CODE_PERMISSION_DENIED) {
        test_tmpdir_remove(dir);
        skip();
    }
    assert_ok(r, &err);
    assert_int_equal(inode("/proc/self/ns/net"), ours);
    assert_int_not_equal(inode(a), ours);
    assert_code(netns_make(a, false, &err), CODE_INTERNAL, &err);
    assert_ok(netns_share(b, getpid(), &err), &err);
    assert_int_equal(inode(b), ours);
    assert_ok(netns_remove(a, &err), &err);
    assert_ok(netns_remove(a, &err), &err);
    assert_ok(netns_remove(b, &err), &err);
    assert_int_equal(access(b, F_OK), -1);
    assert_code(netns_share(b, 0x3fffffff, &err), CODE_NOT_FOUND, &err);
    assert_int_equal(access(b, F_OK), -1);
    test_tmpdir_remove(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lives_on_a_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
