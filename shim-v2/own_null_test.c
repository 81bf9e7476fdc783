/* SPDX-License-Identifier: Apache-2.0 */
#include "own_null.h"

#include <sys/stat.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/base/test.h"

static void
is_a_null_device_and_not_the_hosts(void **state)
{
    struct stat host, own;
    struct err err = {0};
    char c;

    (void) state;
    if (geteuid() != 0)
        skip();
    auto_close int fd = own_null_open(&err);

    assert_ok(fd < 0 ? fd : 0, &err);
    assert_int_equal(write(fd, "gone", 4), 4);
    assert_int_equal(read(fd, &c, 1), 0);
    assert_int_equal(fchown(fd, 70000, 70000), 0);
    assert_int_equal(fstat(fd, &own), 0);
    assert_int_equal(stat("/dev/null", &host), 0);
    assert_int_equal(own.st_rdev, host.st_rdev);
    assert_int_equal(own.st_uid, 70000);
    assert_int_not_equal(host.st_uid, 70000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(is_a_null_device_and_not_the_hosts)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
