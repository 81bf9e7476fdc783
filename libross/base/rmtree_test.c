/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of rmtree.c. Those with mounts need root and run in a mount namespace of their own. */
#include "libross/base/rmtree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libross/base/fault.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/test.h"

struct fixture {
    char *path;
    int fd;
};

static void
make_file(int dir_fd, const char *name)
{
    struct err err = {0};

    assert_ok(fd_write_file_at(dir_fd, name, "x", 1, 0600, &err), &err);
}

static bool
exists(int dir_fd, const char *name)
{
    struct stat st;

    return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void
removes_whatever_it_is(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};

    assert_ok(path_mkdirs_at(f->fd, "tree/a/b/c", 0755, &err), &err);
    assert_ok(path_mkdirs_at(f->fd, "tree/empty", 0755, &err), &err);
    make_file(f->fd, "tree/a/file");
    make_file(f->fd, "tree/a/b/other");
    assert_int_equal(mkfifoat(f->fd, "tree/fifo", 0600), 0);
    assert_ok(rmtree_at(f->fd, "tree", &err), &err);
    assert_false(exists(f->fd, "tree"));

    make_file(f->fd, "plain");
    assert_ok(rmtree_at(f->fd, "plain", &err), &err);
    assert_false(exists(f->fd, "plain"));
}

static void
a_missing_name_is_fine(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};

    make_file(f->fd, "file");
    assert_ok(rmtree_at(f->fd, "missing", &err), &err);
    assert_ok(rmtree_at(f->fd, "missing/too", &err), &err);
    assert_ok(rmtree_at(f->fd, "file/below", &err), &err);
    assert_true(exists(f->fd, "file"));
}

static void
names_that_are_no_entry_are_refused(void **state)
{
    static const char *const bad[] = {"", ".", "..", "/", "a/..", "a/.", "a/"};
    struct fixture *f = *state;
    struct err err = {0};

    assert_ok(path_mkdirs_at(f->fd, "a", 0755, &err), &err);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_code(rmtree_at(f->fd, bad[i], &err), CODE_INVALID_ARGUMENT, &err);
    assert_true(exists(f->fd, "a"));
}

static void
symlinks_are_removed_not_followed(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};

    assert_ok(path_mkdirs_at(f->fd, "keep/below", 0755, &err), &err);
    make_file(f->fd, "keep/file");
    assert_ok(path_mkdirs_at(f->fd, "tree", 0755, &err), &err);
    assert_int_equal(symlinkat("../keep", f->fd, "tree/link"), 0);
    assert_int_equal(symlinkat("keep", f->fd, "link"), 0);
    assert_ok(rmtree_at(f->fd, "tree", &err), &err);
    assert_ok(rmtree_at(f->fd, "link", &err), &err);
    assert_false(exists(f->fd, "tree"));
    assert_false(exists(f->fd, "link"));
    assert_true(exists(f->fd, "keep/file"));
    assert_true(exists(f->fd, "keep/below"));
}

static void
contents_leave_the_directory(void **state)
{
    struct fixture *f = *state;
    auto_close int by_path = open(f->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct err err = {0};

    for (int i = 0; i < 2; i++) {
        assert_ok(path_mkdirs_at(f->fd, "a/b", 0755, &err), &err);
        make_file(f->fd, "a/b/c");
        make_file(f->fd, "d");
        assert_ok(rmtree_contents(i ? f->fd : by_path, &err), &err);
        assert_false(exists(f->fd, "a"));
        assert_false(exists(f->fd, "d"));
        assert_true(exists(AT_FDCWD, f->path));
    }
}

#define DEEP_LEVELS 10000

static void
ten_thousand_levels_need_few_descriptors(void **state)
{
    struct fixture *f = *state;
    int at = dup(f->fd), next;
    struct err err = {0};

    for (int i = 0; i < DEEP_LEVELS; i++) {
        assert_int_equal(mkdirat(at, "d", 0755), 0);
        if (i % 1000 == 0)
            make_file(at, "file");
        next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        (void) close(at);
        at = next;
    }
    (void) close(at);
    assert_ok(rmtree_at(f->fd, "d", &err), &err);
    assert_false(exists(f->fd, "d"));
}

static void
wide_directories_go_too(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    char name[32];

    assert_int_equal(mkdirat(f->fd, "wide", 0755), 0);
    for (int i = 0; i < 5000; i++) {
        (void) snprintf(name, sizeof name, "wide/%d", i);
        if (i % 10)
            assert_int_equal(mknodat(f->fd, name, S_IFREG | 0600, 0), 0);
        else
            assert_int_equal(mkdirat(f->fd, name, 0755), 0);
    }
    assert_ok(rmtree_at(f->fd, "wide", &err), &err);
    assert_false(exists(f->fd, "wide"));
}

/* Runs fn in a child, so that it may give up privileges and namespaces; its exit status. */
static int
in_child(int (*fn)(struct fixture *f), struct fixture *f)
{
    int status = -1;
    pid_t pid;

    (void) fflush(NULL);
    pid = fork();
    if (pid == 0)
        _exit(fn(f));
    (void) waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

#define CHILD_SKIP 77

static int
remove_unreadable(struct fixture *f)
{
    struct err err = {0};

    /* root reads everything: become nobody, who owns the tree */
    if (geteuid() == 0) {
        if (fchown(f->fd, 65534, 65534) < 0 || setresgid(65534, 65534, 65534) < 0 ||
            setresuid(65534, 65534, 65534) < 0)
            return 1;
    }
    if (path_mkdirs_at(f->fd, "t/shut/inner", 0755, &err) < 0 ||
        path_mkdirs_at(f->fd, "t/readonly/inner", 0755, &err) < 0 ||
        path_mkdirs_at(f->fd, "t/nosearch/inner", 0755, &err) < 0)
        return 2;
    if (fchmodat(f->fd, "t/shut", 0, 0) < 0 || fchmodat(f->fd, "t/readonly", 0500, 0) < 0 ||
        fchmodat(f->fd, "t/nosearch", 0600, 0) < 0)
        return 3;
    if (rmtree_at(f->fd, "t", &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        return 4;
    }
    return exists(f->fd, "t") ? 5 : 0;
}

static void
unreadable_directories_are_made_accessible(void **state)
{
    assert_int_equal(in_child(remove_unreadable, *state), 0);
}

static int
set_flags(int dir_fd, const char *name, int flags)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC), r;

    r = ioctl(fd, FS_IOC_SETFLAGS, &flags);
    (void) close(fd);
    return r;
}

static void
immutable_files_and_directories_go(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};

    assert_ok(path_mkdirs_at(f->fd, "t/dir", 0755, &err), &err);
    make_file(f->fd, "t/file");
    make_file(f->fd, "t/dir/inner");
    if (set_flags(f->fd, "t/file", FS_IMMUTABLE_FL) < 0) {
        print_message("no immutable flag here: %s\n", strerror(errno));
        skip();
    }
    assert_int_equal(set_flags(f->fd, "t/dir", FS_APPEND_FL), 0);
    assert_int_equal(set_flags(f->fd, "t", FS_IMMUTABLE_FL), 0);
    assert_ok(rmtree_at(f->fd, "t", &err), &err);
    assert_false(exists(f->fd, "t"));
}

static int
refuse_mounts(struct fixture *f)
{
    static const char *const points[] = {"t/dir", "t/file", "t"};
    struct err err = {0};

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return CHILD_SKIP;
    f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* in the new namespace */
    if (path_mkdirs_at(f->fd, "t/dir", 0755, &err) < 0 ||
        path_mkdirs_at(f->fd, "keep", 0755, &err) < 0)
        return 2;
    make_file(f->fd, "t/file");
    make_file(f->fd, "keep/inside");
    if (fchdir(f->fd) < 0)
        return 3;
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        const char *from = strcmp(points[i], "t/file") == 0 ? "keep/inside" : "keep";

        /* a bind of the same filesystem: only the kernel's own check sees it */
        if (mount(from, points[i], NULL, MS_BIND, NULL) < 0)
            return 4;
        if (rmtree_at(f->fd, "t", &err) != -CODE_FAILED_PRECONDITION)
            return 5;
        if (!exists(f->fd, "keep/inside"))
            return 6;
        if (umount2(points[i], 0) < 0)
            return 7;
        if (!exists(f->fd, points[i]))
            return 8;
        if (i == 0 && !exists(f->fd, "t/file"))
            make_file(f->fd, "t/file");
    }
    return rmtree_at(f->fd, "t", &err) < 0;
}

static void
mount_points_are_left_alone(void **state)
{
    int status = in_child(refuse_mounts, *state);

    if (status == CHILD_SKIP) {
        print_message("needs root: no mount namespace\n");
        skip();
    }
    assert_int_equal(status, 0);
}

static int
remove_on_full_disk(struct fixture *f)
{
    struct err err = {0};
    char block[4096] = {1};
    int fd, dir;

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return CHILD_SKIP;
    if (mount("tmpfs", f->path, "tmpfs", 0, "size=256k,nr_inodes=64") < 0)
        return 1;
    dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (path_mkdirs_at(dir, "t/a/b", 0755, &err) < 0)
        return 2;
    fd = openat(dir, "t/a/b/fill", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    while (write(fd, block, sizeof block) > 0)
        ;
    if (errno != ENOSPC)
        return 3;
    (void) close(fd);
    if (rmtree_at(dir, "t", &err) < 0 || exists(dir, "t"))
        return 4;
    return 0;
}

static void
works_on_a_full_disk(void **state)
{
    int status = in_child(remove_on_full_disk, *state);

    if (status == CHILD_SKIP) {
        print_message("needs root: no mount namespace\n");
        skip();
    }
    assert_int_equal(status, 0);
}

#ifdef ROSS_FAULTS
static void
a_failing_unlink_is_told_with_its_name(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};

    assert_ok(path_mkdirs_at(f->fd, "tree/a", 0755, &err), &err);
    make_file(f->fd, "tree/a/file");
    (void) setenv("ROSS_FAULT", "rmtree.unlink:1:EIO", 1);
    fault_reload();
    assert_code(rmtree_at(f->fd, "tree", &err), CODE_INTERNAL, &err);
    (void) unsetenv("ROSS_FAULT");
    fault_reload();
    assert_int_equal(err.sys_errno, EIO);
    assert_non_null(strstr(err.msg, "'file'"));
    assert_ok(rmtree_at(f->fd, "tree", &err), &err);
}
#endif

static int
setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);

    f->path = test_tmpdir();
    f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = f;
    return f->fd < 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    (void) close(f->fd);
    test_tmpdir_remove(f->path);
    free(f);
    return 0;
}

#define WITH_DIR(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(removes_whatever_it_is),
        WITH_DIR(a_missing_name_is_fine),
        WITH_DIR(names_that_are_no_entry_are_refused),
        WITH_DIR(symlinks_are_removed_not_followed),
        WITH_DIR(contents_leave_the_directory),
        WITH_DIR(ten_thousand_levels_need_few_descriptors),
        WITH_DIR(wide_directories_go_too),
        WITH_DIR(unreadable_directories_are_made_accessible),
        WITH_DIR(immutable_files_and_directories_go),
        WITH_DIR(mount_points_are_left_alone),
        WITH_DIR(works_on_a_full_disk),
#ifdef ROSS_FAULTS
        WITH_DIR(a_failing_unlink_is_told_with_its_name),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
