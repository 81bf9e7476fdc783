/* SPDX-License-Identifier: Apache-2.0 */
#include "snap_spares.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libross/base/clock.h"
#include "libross/base/path.h"
#include "libross/base/test.h"

#define PATIENCE_NS (60 * NS_PER_S)
#define MANY        200

struct fixture {
    char *root, *spare;
    struct snap_dirs *dirs;
};

static int
setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    struct err err = {0};

    f->root = test_tmpdir();
    f->spare = path_join(f->root, "spare");
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
    free(f->spare);
    free(f);
    return 0;
}

/* As many as it takes until some were made ahead; the last id. */
static uint64_t
burst(struct snap_spares *s)
{
    int64_t until = clock_mono_ns() + PATIENCE_NS;
    struct err err = {0};
    uint64_t id = 0;

    while (!snap_spares_ready(s)) {
        assert_true(clock_mono_ns() < until);
        for (int i = 0; i < MANY; i++)
            assert_ok(snap_spares_create(s, ++id, &err), &err);
    }
    return id;
}

static void
expect_made(struct fixture *f, uint64_t id)
{
    static const struct {
        const char *below;
        mode_t mode;
    } parts[] = {{"", 0700}, {"/fs", 0755}, {"/work", 0711}};
    struct stat st;

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        auto_free char *path = xasprintf("%llu%s", (unsigned long long) id, parts[i].below);

        assert_int_equal(fstatat(snap_dirs_fd(f->dirs), path, &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_int_equal(st.st_mode, S_IFDIR | parts[i].mode);
        assert_int_equal(st.st_uid, geteuid());
    }
}

static void
what_was_made_ahead_is_like_what_was_not(void **state)
{
    struct fixture *f = *state;
    struct snap_spares *s = snap_spares_new(f->dirs);
    struct err err = {0};
    uint64_t last = burst(s);

    for (int i = 0; i < MANY; i++)
        assert_ok(snap_spares_create(s, ++last, &err), &err);
    for (uint64_t id = 1; id <= last; id++)
        expect_made(f, id);
    /* one that is there already is an error, whoever made it */
    assert_code(snap_spares_create(s, 1, &err), CODE_INTERNAL, &err);
    expect_made(f, 1);
    snap_spares_free(s);
    assert_int_equal(access(f->spare, F_OK), -1);
}

static void
makes_none_for_a_few(void **state)
{
    struct fixture *f = *state;
    struct snap_spares *s = snap_spares_new(f->dirs);
    struct err err = {0};

    for (uint64_t id = 1; id < 8; id++)
        assert_ok(snap_spares_create(s, id, &err), &err);
    expect_made(f, 7);
    assert_int_equal(access(f->spare, F_OK), -1);
    snap_spares_free(s);
}

static void
a_new_life_removes_what_a_killed_one_left(void **state)
{
    struct fixture *f = *state;
    struct snap_spares *s;
    struct err err = {0};

    assert_ok(snap_dirs_spare_make(f->dirs, 5, &err), &err);
    assert_int_equal(access(f->spare, F_OK), 0);
    s = snap_spares_new(f->dirs);
    assert_int_equal(access(f->spare, F_OK), -1);
    assert_int_equal(snap_spares_ready(s), 0);
    snap_spares_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_made_ahead_is_like_what_was_not, setup, teardown),
        cmocka_unit_test_setup_teardown(makes_none_for_a_few, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_life_removes_what_a_killed_one_left, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
