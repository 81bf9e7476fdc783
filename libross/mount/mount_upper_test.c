/* SPDX-License-Identifier: Apache-2.0 */
#include "mount_upper.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/base/mem.h"
#include "libross/base/path.h"
#include "libross/base/test.h"

static void
has_the_ids_of_those_inside(void **state)
{
    char *dir = test_tmpdir();
    auto_free char *a = path_join(dir, "a"), *upper = xasprintf("upperdir=%s", dir);
    AUTO(mount_list) list = {0};
    struct mount *m = mount_list_add(&list, "overlay", "overlay");
    auto_close int plain = -1, mapped = -1, file = open(a, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    struct err err = {0};
    struct stat st;

    (void) state;
    assert_code(mount_upper_open(m, &plain, &err), CODE_FAILED_PRECONDITION, &err);
    strv_add(&m->options, upper);
    err = (struct err){0};
    assert_ok(mount_upper_open(m, &plain, &err), &err);
    assert_int_equal(fstatat(plain, "a", &st, 0), 0);
    assert_int_equal(st.st_uid, geteuid());
    if (geteuid() != 0) {
        test_tmpdir_remove(dir);
        skip();
    }
    assert_int_equal(fchown(file, 100007, 200003), 0);
    assert_int_equal(chown(dir, 100000, 200000), 0);
    strv_add(&m->options, "uidmap=0:100000:10");
    strv_add(&m->options, "gidmap=0:200000:2,3:200003:5");
    assert_ok(mount_upper_open(m, &mapped, &err), &err);
    assert_int_equal(fstatat(mapped, "a", &st, 0), 0);
    assert_int_equal(st.st_uid, 7);
    assert_int_equal(st.st_gid, 3);
    test_tmpdir_remove(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_ids_of_those_inside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
