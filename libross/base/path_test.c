/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of path.c. */
#include "libross/base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/base/mem.h"
#include "libross/base/test.h"

static void
join_puts_one_slash_between(void **state)
{
    static const struct {
        const char *a, *b, *want;
    } rows[] = {
        {"a", "b", "a/b"},  {"a/", "b", "a/b"},
        {"a", "/b", "a/b"}, {"a//", "//b", "a/b"},
        {"/", "b", "/b"},   {"/", "/", "/"},
        {"", "b", "b"},     {"a", "", "a"},
        {"", "", ""},       {"/a/b", "c/d", "/a/b/c/d"},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *got = path_join(rows[i].a, rows[i].b);

        assert_string_equal(got, rows[i].want);
    }
}

static void
clean_is_lexical_as_in_go(void **state)
{
    /* the rows of Go's path.Clean tests */
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"", "."},
        {"abc", "abc"},
        {"abc/def", "abc/def"},
        {".", "."},
        {"..", ".."},
        {"../..", "../.."},
        {"../../abc", "../../abc"},
        {"/abc", "/abc"},
        {"/", "/"},
        {"abc/", "abc"},
        {"a/b/c/", "a/b/c"},
        {"../", ".."},
        {"/abc/", "/abc"},
        {"abc//def//ghi", "abc/def/ghi"},
        {"//abc", "/abc"},
        {"///abc", "/abc"},
        {"//abc//", "/abc"},
        {"abc/./def", "abc/def"},
        {"/./abc/def", "/abc/def"},
        {"abc/.", "abc"},
        {"abc/def/ghi/../jkl", "abc/def/jkl"},
        {"abc/def/../ghi/../jkl", "abc/jkl"},
        {"abc/def/..", "abc"},
        {"abc/def/../..", "."},
        {"/abc/def/../..", "/"},
        {"abc/def/../../..", ".."},
        {"/abc/def/../../..", "/"},
        {"abc/def/../../../ghi/jkl/../../../mno", "../../mno"},
        {"abc/./../def", "def"},
        {"abc//./../def", "def"},
        {"abc/../../././../def", "../../def"},
        {"...", "..."},
        {"a/...", "a/..."},
        {"/..a/..", "/"},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *got = path_clean(rows[i].in), *again = path_clean(got);

        assert_string_equal(got, rows[i].want);
        assert_string_equal(again, got);
    }
}

static void
a_name_is_one_plain_component(void **state)
{
    char longest[257];

    (void) state;
    assert_true(path_is_name("a"));
    assert_true(path_is_name("..."));
    assert_true(path_is_name(".hidden"));
    assert_false(path_is_name(""));
    assert_false(path_is_name("."));
    assert_false(path_is_name(".."));
    assert_false(path_is_name("a/b"));
    assert_false(path_is_name("/"));
    memset(longest, 'x', 256);
    longest[256] = '\0';
    assert_false(path_is_name(longest));
    longest[255] = '\0';
    assert_true(path_is_name(longest));
}

static void
mkdirs_makes_parents_with_the_exact_mode(void **state)
{
    auto_close int fd = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    mode_t old = umask(077);
    struct err err = {0};
    struct stat st;

    assert_ok(path_mkdirs_at(fd, "a/b//c/", 0711, &err), &err);
    umask(old);
    assert_int_equal(fstatat(fd, "a", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0711);
    assert_int_equal(fstatat(fd, "a/b/c", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0711);
    assert_ok(path_mkdirs_at(fd, "a/b", 0755, &err), &err);
    assert_int_equal(fstatat(fd, "a/b", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0711);
}

static void
mkdirs_refuses_a_file_in_the_way(void **state)
{
    auto_close int fd = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct err err = {0};

    assert_ok(fd_write_file_at(fd, "file", "", 0, 0600, &err), &err);
    assert_code(path_mkdirs_at(fd, "file", 0755, &err), CODE_INTERNAL, &err);
    assert_int_equal(err.sys_errno, ENOTDIR);
    assert_code(path_mkdirs_at(fd, "file/x/y", 0755, &err), CODE_INTERNAL, &err);
    assert_int_equal(err.sys_errno, ENOTDIR);
    assert_true(path_mkdirs_at(fd, "", 0755, &err) < 0);
}

static void
open_dir_makes_it_when_missing(void **state)
{
    auto_free char *path = path_join(*state, "x/y");
    auto_close int fd = -1;
    struct err err = {0};
    struct stat st;

    assert_ok(path_open_dir(path, 0700, &fd, &err), &err);
    assert_int_equal(fstat(fd, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_ok(path_sync_dir(fd, &err), &err);
}

static void
in_root_symlinks_and_dotdot_stay_inside(void **state)
{
    static const struct {
        const char *path;
        const char *want; /* content, NULL = ENOENT */
    } rows[] = {
        {"inside", "in"}, {"/inside", "in"},     {"../../inside", "in"}, {"abs", "in"},
        {"up", "in"},     {"d/../inside", "in"}, {"abs-outside", NULL},  {"missing", NULL},
    };
    auto_close int root = -1, top = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct err err = {0};
    char got[8];

    assert_ok(fd_write_file_at(top, "outside", "out", 3, 0600, &err), &err);
    assert_ok(path_mkdirs_at(top, "root/d", 0755, &err), &err);
    root = openat(top, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_ok(fd_write_file_at(root, "inside", "in", 2, 0600, &err), &err);
    assert_int_equal(symlinkat("/inside", root, "abs"), 0);
    assert_int_equal(symlinkat("../../../inside", root, "up"), 0);
    assert_int_equal(symlinkat("../outside", root, "abs-outside"), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_close int fd = path_open_in_root(root, rows[i].path, O_RDONLY, 0644);

        if (!rows[i].want) {
            assert_true(fd < 0);
            assert_int_equal(errno, ENOENT);
            continue;
        }
        if (fd < 0)
            fail_msg("%s: %s", rows[i].path, strerror(errno));
        assert_int_equal(fd_read_full(fd, got, sizeof got), strlen(rows[i].want));
        assert_memory_equal(got, rows[i].want, strlen(rows[i].want));
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    }
}

static void
in_root_creates_and_opens_the_root_itself(void **state)
{
    auto_close int root = open(*state, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1, self = -1;
    char name[PATH_FD_MAX];
    struct stat a, b;

    fd = path_open_in_root(root, "/new", O_WRONLY | O_CREAT | O_EXCL, 0640);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &a), 0);
    assert_int_equal(stat(path_of_fd(fd, name), &b), 0);
    assert_int_equal(a.st_ino, b.st_ino);
    self = path_open_in_root(root, "", O_RDONLY | O_DIRECTORY, 0);
    assert_true(self >= 0);
    assert_int_equal(fstat(self, &a), 0);
    assert_int_equal(fstat(root, &b), 0);
    assert_int_equal(a.st_ino, b.st_ino);
}

static void
sync_dir_takes_o_path_descriptors(void **state)
{
    auto_close int fd = open(*state, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct err err = {0};

    assert_ok(path_sync_dir(fd, &err), &err);
    assert_ok(path_sync_dir(AT_FDCWD, &err), &err);
}

static int
setup(void **state)
{
    *state = test_tmpdir();
    return 0;
}

static int
teardown(void **state)
{
    test_tmpdir_remove(*state);
    return 0;
}

#define WITH_DIR(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(join_puts_one_slash_between),
        cmocka_unit_test(clean_is_lexical_as_in_go),
        cmocka_unit_test(a_name_is_one_plain_component),
        WITH_DIR(mkdirs_makes_parents_with_the_exact_mode),
        WITH_DIR(mkdirs_refuses_a_file_in_the_way),
        WITH_DIR(open_dir_makes_it_when_missing),
        WITH_DIR(in_root_symlinks_and_dotdot_stay_inside),
        WITH_DIR(in_root_creates_and_opens_the_root_itself),
        WITH_DIR(sync_dir_takes_o_path_descriptors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
