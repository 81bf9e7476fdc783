/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of cgroup_self.c. */
#include "libross/base/cgroup_self.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/base/mem.h"
#include "libross/base/test.h"

static void
own_group_lists_us_and_is_not_left(void **state)
{
    auto_free char *path = cgroup_self_procs(), *before = NULL, *after = NULL, *list = NULL;
    auto_close int fd = -1;
    struct err err = {0};
    bool listed = false;
    (void) state;

    if (!path)
        skip();
    assert_ok(fd_read_file_at(-1, "/proc/self/cgroup", 1 << 16, &before, NULL, &err), &err);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "0", 1), 1);
    assert_ok(fd_read_file_at(-1, "/proc/self/cgroup", 1 << 16, &after, NULL, &err), &err);
    assert_string_equal(before, after);
    assert_ok(fd_read_file_at(-1, path, 1 << 20, &list, NULL, &err), &err);
    for (char *save = NULL, *line = strtok_r(list, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save))
        listed = listed || atoi(line) == getpid();
    assert_true(listed);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_group_lists_us_and_is_not_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
