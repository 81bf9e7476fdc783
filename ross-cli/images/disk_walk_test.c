/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/images/disk_walk.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/proc.h"
#include "libross/base/rmtree.h"
#include "libross/base/test.h"

#define NAMES 3000 /* more than the table has slots at first */

static int
make_tree(void **state)
{
    char template[] = "/tmp/ross-walk-XXXXXX";

    *state = mkdtemp(template) ? xstrdup(template) : NULL;
    return *state ? 0 : -1;
}

static int
drop_tree(void **state)
{
    int r = rmtree_at(AT_FDCWD, *state, NULL);

    free(*state);
    return r;
}

static void
put(const char *dir, const char *name, size_t n)
{
    auto_free char *path = path_join(dir, name), *bytes = xcalloc(1, n + 1);
    auto_close int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, bytes, n), 0);
}

static int64_t
du(const char *dir)
{
    const char *const argv[] = {"du", "-sx", "--block-size=1", dir, NULL};
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    AUTO(buf) out = BUF_INIT(4096);
    int status;

    spawn.argv = argv;
    assert_int_equal(proc_run(&spawn, NULL, &out, NULL, 20000, &status, NULL), 0);
    assert_int_equal(status, 0);
    return strtoll(out.data, NULL, 10);
}

static void
counts_as_du_does(void **state)
{
    const char *dir = *state;
    auto_free char *sub = path_join(dir, "sub"), *one = path_join(dir, "one");
    AUTO_PTR(disk_walk) w = disk_walk_new();
    int64_t bytes;

    assert_int_equal(mkdir(sub, 0700), 0);
    put(dir, "one", 100000);
    put(sub, "two", 5);
    for (int i = 0; i < NAMES; i++) {
        auto_free char *name = xasprintf("link%d", i), *path = path_join(sub, name);
        if (i % 2 == 0)
            put(sub, name, 10);
        else
            assert_int_equal(link(one, path), 0);
    }
    for (int i = 0; i < NAMES; i += 2) {
        auto_free char *from = xasprintf("%s/link%d", sub, i), *to = xasprintf("%s/twin%d", dir, i);
        assert_int_equal(link(from, to), 0);
    }
    assert_int_equal(disk_walk_tree(w, dir, &bytes, NULL), 0);
    assert_int_equal(bytes, du(dir));
}

static void
counts_no_inode_in_two_trees(void **state)
{
    const char *dir = *state;
    auto_free char *a = path_join(dir, "a"), *b = path_join(dir, "b");
    auto_free char *from = path_join(a, "f"), *to = path_join(b, "f");
    AUTO_PTR(disk_walk) w = disk_walk_new();
    int64_t first, second;
    struct stat st;

    assert_int_equal(mkdir(a, 0700), 0);
    assert_int_equal(mkdir(b, 0700), 0);
    put(a, "f", 200000);
    assert_int_equal(link(from, to), 0);
    assert_int_equal(disk_walk_tree(w, a, &first, NULL), 0);
    assert_int_equal(disk_walk_tree(w, b, &second, NULL), 0);
    assert_int_equal(stat(b, &st), 0);
    assert_true(first >= 200000);
    assert_int_equal(second, st.st_blocks * 512);
}

static void
finds_nothing_where_nothing_is(void **state)
{
    auto_free char *path = path_join(*state, "missing");
    AUTO_PTR(disk_walk) w = disk_walk_new();
    int64_t bytes = -1;

    assert_int_equal(disk_walk_tree(w, path, &bytes, NULL), 0);
    assert_int_equal(bytes, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts_as_du_does, make_tree, drop_tree),
        cmocka_unit_test_setup_teardown(counts_no_inode_in_two_trees, make_tree, drop_tree),
        cmocka_unit_test_setup_teardown(finds_nothing_where_nothing_is, make_tree, drop_tree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
