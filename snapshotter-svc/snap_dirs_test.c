/* SPDX-License-Identifier: Apache-2.0 */
#include "snap_dirs.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libross/base/test.h"

struct fixture {
    char *root;
    struct snap_dirs *dirs;
};

static int
setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    struct err err = {0};

    f->root = test_tmpdir();
    assert_ok(snap_dirs_open(f->root, &f->dirs, &err), &err);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    snap_dirs_close(f->dirs);
    test_tmpdir_remove(f->root);
    free(f);
    return 0;
}

static mode_t
mode_of(struct fixture *f, const char *path)
{
    struct stat st;

    assert_int_equal(fstatat(snap_dirs_fd(f->dirs), path, &st, 0), 0);
    return st.st_mode & 07777;
}

static void
modes_do_not_depend_on_the_umask(void **state)
{
    struct fixture *f = *state;
    mode_t before = umask(077);
    struct snap_dirs *strict = NULL;
    struct err err = {0};

    assert_ok(snap_dirs_open(f->root, &strict, &err), &err);
    assert_ok(snap_dirs_create(strict, 7, true, 0, 0, &err), &err);
    (void) umask(before);
    assert_ok(snap_dirs_create(f->dirs, 8, true, 0, 0, &err), &err);
    assert_int_equal(mode_of(f, "7"), 0700);
    assert_int_equal(mode_of(f, "7/fs"), 0755);
    assert_int_equal(mode_of(f, "7/work"), 0711);
    assert_int_equal(mode_of(f, "8/fs"), 0755);
    assert_int_equal(mode_of(f, "8/work"), 0711);
    snap_dirs_close(strict);
}

static void
knows_what_is_there(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    int fd;

    assert_ok(snap_dirs_create(f->dirs, 1, false, 0, 0, &err), &err);
    assert_true(snap_dirs_has(f->dirs, 1, false));
    assert_false(snap_dirs_has(f->dirs, 1, true));
    assert_ok(snap_dirs_make_work(f->dirs, 1, &err), &err);
    assert_true(snap_dirs_has(f->dirs, 1, true));
    assert_code(snap_dirs_create(f->dirs, 1, false, 0, 0, &err), CODE_INTERNAL, &err);
    assert_true(snap_dirs_has(f->dirs, 1, true)); /* and the failure took nothing away */
    assert_ok(snap_dirs_sync_names(f->dirs, 1, &err), &err);
    assert_ok(snap_dirs_remove(f->dirs, 1, &err), &err);
    assert_false(snap_dirs_has(f->dirs, 1, false));
    assert_ok(snap_dirs_remove(f->dirs, 1, &err), &err);
    assert_code(snap_dirs_open_fs(f->dirs, 1, &fd, &err), CODE_DATA_LOSS, &err);
}

static void
owners_are_given(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    uid_t uid;
    gid_t gid;

    if (geteuid() != 0)
        skip();
    assert_ok(snap_dirs_create(f->dirs, 1, true, 1000, 2000, &err), &err);
    assert_ok(snap_dirs_owner(f->dirs, 1, &uid, &gid, &err), &err);
    assert_int_equal(uid, 1000);
    assert_int_equal(gid, 2000);
}

struct seen {
    uint64_t sum;
    unsigned strangers;
};

static int
see(uint64_t id, const char *name, void *arg, struct err *err)
{
    struct seen *s = arg;

    (void) err;
    (void) name;
    s->sum += id;
    s->strangers += id == 0;
    return 0;
}

static void
tells_ids_from_strangers(void **state)
{
    struct fixture *f = *state;
    struct seen s = {0};
    struct err err = {0};

    assert_ok(snap_dirs_create(f->dirs, 5, false, 0, 0, &err), &err);
    assert_ok(snap_dirs_create(f->dirs, 600, false, 0, 0, &err), &err);
    assert_int_equal(mkdirat(snap_dirs_fd(f->dirs), "new-123", 0700), 0);
    assert_int_equal(mkdirat(snap_dirs_fd(f->dirs), "07", 0700), 0);
    assert_ok(snap_dirs_each(f->dirs, see, &s, &err), &err);
    assert_int_equal(s.sum, 605);
    assert_int_equal(s.strangers, 2);
}

static void
refuses_a_root_that_no_option_can_hold(void **state)
{
    struct fixture *f = *state;
    auto_free char *root = xasprintf("%s/a:b", f->root);
    struct snap_dirs *d = NULL;
    struct err err = {0};

    assert_code(snap_dirs_open(root, &d, &err), CODE_INVALID_ARGUMENT, &err);
    assert_null(d);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(modes_do_not_depend_on_the_umask, setup, teardown),
        cmocka_unit_test_setup_teardown(knows_what_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(owners_are_given, setup, teardown),
        cmocka_unit_test_setup_teardown(tells_ids_from_strangers, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_a_root_that_no_option_can_hold, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
