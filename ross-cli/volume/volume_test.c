/* SPDX-License-Identifier: Apache-2.0 */
#include "volume.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/test.h"

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

static void
make_dir(const char *root, const char *path)
{
    auto_free char *full = path_join(root, path);
    struct err err = {0};

    assert_ok(path_mkdirs_at(AT_FDCWD, full, 0755, &err), &err);
}

static void
make_file(const char *root, const char *path, const char *text)
{
    auto_free char *full = path_join(root, path);
    struct err err = {0};

    assert_ok(fd_write_file_at(AT_FDCWD, full, text, strlen(text), 0640, &err), &err);
}

static struct stat
look(const char *root, const char *path)
{
    auto_free char *full = path_join(root, path);
    struct stat st;

    if (lstat(full, &st) < 0)
        fail_msg("'%s' is not there", full);
    return st;
}

static void
names_are_checked(void **state)
{
    static const char *const bad[] = {"", ".", "..", "a/b", ".hidden", "-a", "a b", "ä", "a\n"};
    auto_free char *name = volume_name_anonymous();
    auto_free char *path = NULL, *back = NULL;
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_code(volume_name_check(bad[i], &err), CODE_INVALID_ARGUMENT, &err);
    assert_ok(volume_name_check(name, &err), &err);
    path = volume_path("/r", name);
    back = volume_name_of_path("/r", path);
    assert_string_equal(back, name);
    assert_null(volume_name_of_path("/r", "/r/volumes/x"));
    assert_null(volume_name_of_path("/r", "/r/volumes/x/_data/y"));
    assert_null(volume_name_of_path("/r", "/r/volumes/../_data"));
    assert_null(volume_name_of_path("/q", path));
}

static void
lives_from_create_to_remove(void **state)
{
    const char *root = *state;
    AUTO(labels) labels = {0};
    AUTO(volumes) all = {0};
    AUTO(volume) v = {0};
    struct err err = {0};

    labels_set_raw(&labels, "a", "");
    assert_code(volume_get(root, "one", &v, &err), CODE_NOT_FOUND, &err);
    assert_ok(volume_create(root, "one", &labels, false, &err), &err);
    assert_code(volume_create(root, "one", NULL, false, &err), CODE_ALREADY_EXISTS, &err);
    assert_ok(volume_get(root, "one", &v, &err), &err);
    assert_string_equal(labels_find(&v.labels, "a"), "");
    assert_true(v.created_ns > 0);
    make_dir(root, "volumes/old/_data"); /* as before volumes had records */
    make_file(root, "volumes/stray", "");
    assert_ok(volumes_list(root, &all, &err), &err);
    assert_int_equal(all.n, 2);
    assert_string_equal(all.items[0].name, "old");
    assert_ok(volume_remove(root, "one", &err), &err);
    assert_code(volume_remove(root, "one", &err), CODE_NOT_FOUND, &err);
    assert_code(volume_remove(root, "../x", &err), CODE_INVALID_ARGUMENT, &err);
}

static void
is_not_removed_while_in_use(void **state)
{
    const char *root = *state;
    struct err err = {0};
    bool alone;

    make_dir(root, "containers/default/c1");
    make_dir(root, "containers/default/c2");
    assert_ok(volume_use(root, "v", false, "default", "c1", &alone, &err), &err);
    assert_true(alone);
    assert_ok(volume_use(root, "v", false, "default", "c1", &alone, &err), &err);
    assert_true(alone);
    assert_ok(volume_use(root, "v", false, "default", "c2", &alone, &err), &err);
    assert_false(alone);
    assert_code(volume_remove(root, "v", &err), CODE_FAILED_PRECONDITION, &err);
    assert_non_null(strstr(err.msg, "container c1"));
    auto_free char *c1 = path_join(root, "containers/default/c1");
    auto_free char *c2 = path_join(root, "containers/default/c2");
    assert_int_equal(rmdir(c1), 0);
    assert_code(volume_remove(root, "v", &err), CODE_FAILED_PRECONDITION, &err);
    assert_int_equal(rmdir(c2), 0);
    assert_ok(volume_remove(root, "v", &err), &err);
}

static void
fills_an_empty_one_with_all_that_files_have(void **state)
{
    const char *root = *state;
    auto_free char *from = path_join(root, "image"), *link = path_join(root, "image/link");
    auto_free char *file = path_join(root, "image/file"), *hard = path_join(root, "image/hard");
    auto_free char *sparse = path_join(root, "image/sparse"), *fifo = path_join(root, "image/fifo");
    auto_close int from_fd = -1, sparse_fd = -1;
    struct err err = {0};
    struct stat st, other;

    make_dir(root, "image/sub/deeper");
    make_file(root, "image/file", "text");
    make_file(root, "image/sub/deeper/f", "deep");
    assert_int_equal(symlink("/etc/passwd", link), 0);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(linkat(AT_FDCWD, file, AT_FDCWD, hard, 0), 0);
    assert_int_equal(chmod(file, 04751), 0);
    assert_int_equal(chmod(from, 0711), 0);
    sparse_fd = open(sparse, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(sparse_fd, 64 << 20), 0);
    assert_int_equal(pwrite(sparse_fd, "end", 3, (64 << 20) - 3), 3);
    (void) setxattr(file, "user.x", "y", 1, 0);
    from_fd = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_ok(volume_create(root, "v", NULL, false, &err), &err);
    assert_ok(volume_fill(root, "v", from_fd, &err), &err);
    assert_int_equal(look(root, "volumes/v/_data").st_mode & 07777, 0711);
    st = look(root, "volumes/v/_data/file");
    other = look(root, "volumes/v/_data/hard");
    assert_int_equal(st.st_mode & 07777, 04751);
    assert_int_equal(st.st_ino, other.st_ino);
    assert_true(S_ISLNK(look(root, "volumes/v/_data/link").st_mode));
    assert_true(S_ISFIFO(look(root, "volumes/v/_data/fifo").st_mode));
    st = look(root, "volumes/v/_data/sparse");
    assert_int_equal(st.st_size, 64 << 20);
    assert_true(st.st_blocks < 1000);
    assert_int_equal(look(root, "volumes/v/_data/sub/deeper/f").st_size, 4);
    /* a second time nothing happens, whatever the image has by then */
    make_file(root, "image/late", "");
    assert_ok(volume_fill(root, "v", from_fd, &err), &err);
    auto_free char *late = path_join(root, "volumes/v/_data/late");
    assert_int_equal(access(late, F_OK), -1);
}

static void
half_a_copy_is_thrown_away(void **state)
{
    const char *root = *state;
    auto_free char *from = path_join(root, "image"), *junk = NULL;
    auto_close int from_fd = -1;
    struct err err = {0};

    make_dir(root, "image");
    make_file(root, "image/file", "text");
    assert_ok(volume_create(root, "v", NULL, false, &err), &err);
    make_dir(root, "volumes/v/.copy");
    make_file(root, "volumes/v/.copy/half", "left by a kill");
    from_fd = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_ok(volume_fill(root, "v", from_fd, &err), &err);
    junk = path_join(root, "volumes/v/_data/half");
    assert_int_equal(access(junk, F_OK), -1);
    assert_int_equal(look(root, "volumes/v/_data/file").st_size, 4);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test_setup_teardown(lives_from_create_to_remove, setup, teardown),
        cmocka_unit_test_setup_teardown(is_not_removed_while_in_use, setup, teardown),
        cmocka_unit_test_setup_teardown(fills_an_empty_one_with_all_that_files_have, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(half_a_copy_is_thrown_away, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
