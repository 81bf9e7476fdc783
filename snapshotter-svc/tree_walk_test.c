/* SPDX-License-Identifier: Apache-2.0 */
#include "tree_walk.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/base/strv.h"
#include "libross/base/test.h"

struct seen {
    struct strv names;
    const char *remove; /* this one is removed when met */
    const char *stop;   /* and here the walk ends */
};

static int
see(int dir_fd, const char *name, const struct stat *st, void *arg, struct err *err)
{
    struct seen *s = arg;

    (void) st;
    (void) err;
    strv_add(&s->names, name);
    if (s->remove && strcmp(name, s->remove) == 0)
        assert_int_equal(unlinkat(dir_fd, name, AT_REMOVEDIR), 0);
    return s->stop && strcmp(name, s->stop) == 0 ? 7 : 0;
}

static int
setup(void **state)
{
    char *dir = test_tmpdir();
    int fd = open(dir, O_RDONLY | O_DIRECTORY);

    assert_int_equal(mkdirat(fd, "a", 0700), 0);
    assert_int_equal(mkdirat(fd, "a/b", 0700), 0);
    assert_int_equal(mkdirat(fd, "a/b/empty", 0700), 0);
    assert_int_equal(symlinkat("/", fd, "a/link"), 0);
    assert_int_equal(mknodat(fd, "a/b/file", S_IFREG | 0600, 0), 0);
    (void) close(fd);
    *state = dir;
    return 0;
}

static int
teardown(void **state)
{
    test_tmpdir_remove(*state);
    return 0;
}

static int
walk(const char *dir, struct seen *s)
{
    auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY);
    struct err err = {0};
    int r = tree_walk(fd, see, s, &err);

    if (r < 0)
        fail_msg("%s", err.msg);
    strv_sort(&s->names);
    return r;
}

static void
meets_every_entry_once(void **state)
{
    struct seen s = {0};
    auto_free char *names = NULL;

    assert_int_equal(walk(*state, &s), 0);
    names = strv_join(&s.names, " ");
    assert_string_equal(names, "a b empty file link");
    strv_done(&s.names);
}

static void
does_not_enter_what_was_removed(void **state)
{
    struct seen s = {.remove = "empty"};

    assert_int_equal(walk(*state, &s), 0);
    assert_int_equal(s.names.n, 5);
    strv_done(&s.names);
}

static void
stops_when_told(void **state)
{
    struct seen s = {.stop = "a"};

    assert_int_equal(walk(*state, &s), 7);
    assert_int_equal(s.names.n, 1);
    strv_done(&s.names);
}

static void
depth_needs_no_descriptors(void **state)
{
    int fd = open(*state, O_RDONLY | O_DIRECTORY), down = dup(fd), next;
    struct seen s = {0};

    for (int i = 0; i < 3000; i++) {
        assert_int_equal(mkdirat(down, "d", 0700), 0);
        next = openat(down, "d", O_RDONLY | O_DIRECTORY);
        assert_true(next >= 0);
        (void) close(down);
        down = next;
    }
    (void) close(down);
    (void) close(fd);
    assert_int_equal(walk(*state, &s), 0);
    assert_int_equal(s.names.n, 3005);
    strv_done(&s.names);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(meets_every_entry_once, setup, teardown),
        cmocka_unit_test_setup_teardown(does_not_enter_what_was_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(stops_when_told, setup, teardown),
        cmocka_unit_test_setup_teardown(depth_needs_no_descriptors, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
