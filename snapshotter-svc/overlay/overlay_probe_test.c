/* SPDX-License-Identifier: Apache-2.0 */
#include "overlay_probe.h"

#include <fcntl.h>
#include <unistd.h>

#include "libross/base/test.h"

static void
nested_namespaces_show_in_the_uid_map(void **state)
{
    (void) state;
    assert_false(overlay_uid_map_is_nested("         0          0 4294967295\n"));
    assert_true(overlay_uid_map_is_nested("         0       1000          1\n"));
    assert_true(overlay_uid_map_is_nested("0 0 65536\n"));
    assert_true(overlay_uid_map_is_nested("0 0 4294967295\n1 1 1\n"));
    assert_true(overlay_uid_map_is_nested(""));
}

static void
probes_a_directory_and_leaves_nothing(void **state)
{
    char *dir = test_tmpdir();
    int fd = open(dir, O_RDONLY | O_DIRECTORY);
    struct overlay_host host;
    struct err err = {0};

    (void) state;
    assert_ok(overlay_probe(fd, &host, &err), &err);
    assert_int_equal(unlinkat(fd, ".probe", AT_REMOVEDIR), -1);
    (void) close(fd);
    test_tmpdir_remove(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nested_namespaces_show_in_the_uid_map),
        cmocka_unit_test(probes_a_directory_and_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
