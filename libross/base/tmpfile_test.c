/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of tmpfile.c, with every step failing in turn. */
#include "libross/base/tmpfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libross/base/fault.h"
#include "libross/base/fd.h"
#include "libross/base/test.h"

struct fixture {
    char *path;
    int fd;
};

static unsigned
count_entries(int dir_fd)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fdopendir(fd);
    unsigned n = 0;

    assert_non_null(dir);
    while (readdir(dir))
        n++;
    (void) closedir(dir);
    return n - 2;
}

static void
assert_content(int dir_fd, const char *name, const char *want)
{
    auto_free char *got = NULL;
    struct err err = {0};

    assert_ok(fd_read_file_at(dir_fd, name, 1000, &got, NULL, &err), &err);
    assert_string_equal(got, want);
}

static void
stays_invisible_until_published(void **state)
{
    struct fixture *f = *state;
    AUTO_PTR(tmpfile_) t = NULL;
    mode_t old = umask(077);
    struct err err = {0};
    struct stat st;

    assert_ok(tmpfile_open_at(f->fd, 0644, &t, &err), &err);
    umask(old);
    assert_int_equal(fcntl(tmpfile_fd(t), F_GETFD), FD_CLOEXEC);
    assert_int_equal(fd_write_all(tmpfile_fd(t), "data", 4), 0);
    assert_int_equal(count_entries(f->fd), 0); /* this filesystem has O_TMPFILE */
    assert_ok(tmpfile_publish(t, f->fd, "name", 0, &err), &err);
    assert_content(f->fd, "name", "data");
    assert_int_equal(fstatat(f->fd, "name", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(count_entries(f->fd), 1);
}

static void
a_taken_name_is_already_exists(void **state)
{
    struct fixture *f = *state;
    AUTO_PTR(tmpfile_) t = NULL;
    struct err err = {0};

    assert_ok(tmpfile_write_at(f->fd, "name", "old", 3, 0600, &err), &err);
    assert_ok(tmpfile_open_at(f->fd, 0600, &t, &err), &err);
    assert_int_equal(fd_write_all(tmpfile_fd(t), "new", 3), 0);
    assert_code(tmpfile_publish(t, f->fd, "name", 0, &err), CODE_ALREADY_EXISTS, &err);
    assert_content(f->fd, "name", "old");
    /* it is still there to be published elsewhere, or over it */
    assert_ok(tmpfile_publish(t, f->fd, "name", 1, &err), &err);
    assert_content(f->fd, "name", "new");
    assert_int_equal(count_entries(f->fd), 1);
}

static void
write_at_replaces_whole(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct stat st;

    assert_ok(tmpfile_write_at(f->fd, "name", "a longer text", 13, 0600, &err), &err);
    assert_ok(tmpfile_write_at(f->fd, "name", "short", 5, 0640, &err), &err);
    assert_content(f->fd, "name", "short");
    assert_int_equal(fstatat(f->fd, "name", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_ok(tmpfile_write_at(f->fd, "empty", NULL, 0, 0600, &err), &err);
    assert_content(f->fd, "empty", "");
}

static void
dropped_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct tmpfile_ *t = NULL;
    struct err err = {0};

    assert_ok(tmpfile_open_at(f->fd, 0600, &t, &err), &err);
    tmpfile__free(t);
    tmpfile__free(NULL);
    assert_int_equal(count_entries(f->fd), 0);
    assert_int_equal(openat(f->fd, "nowhere", O_RDONLY), -1);
    assert_code(tmpfile_open_at(-1, 0600, &t, &err), CODE_INTERNAL, &err);
    assert_int_equal(err.sys_errno, EBADF);
}

static void
collect_takes_only_leftovers(void **state)
{
    static const char *const keep[] = {TMPFILE_PREFIX "0123456789abcde",
                                       TMPFILE_PREFIX "0123456789abcdeg",
                                       TMPFILE_PREFIX "0123456789abcdef0", "0123456789abcdef"};
    struct fixture *f = *state;
    struct err err = {0};

    for (size_t i = 0; i < ARRAY_LEN(keep); i++)
        assert_ok(fd_write_file_at(f->fd, keep[i], "", 0, 0600, &err), &err);
    assert_ok(fd_write_file_at(f->fd, TMPFILE_PREFIX "0123456789abcdef", "", 0, 0600, &err), &err);
    assert_ok(tmpfile_collect_at(f->fd, &err), &err);
    assert_int_equal(count_entries(f->fd), ARRAY_LEN(keep));
    for (size_t i = 0; i < ARRAY_LEN(keep); i++)
        assert_int_equal(faccessat(f->fd, keep[i], F_OK, 0), 0);
}

#ifdef ROSS_FAULTS

#define STEPS_MAX 50

/* One replacement in a child; its wait status. */
static int
replace_in_child(struct fixture *f, const char *fault)
{
    int status = -1;
    pid_t pid;

    (void) fflush(NULL);
    pid = fork();
    if (pid == 0) {
        (void) setenv("ROSS_FAULT", fault, 1);
        fault_reload();
        _exit(tmpfile_write_at(f->fd, "name", "new", 3, 0600, NULL) < 0);
    }
    (void) waitpid(pid, &status, 0);
    return status;
}

/* The file is the old or the new one, whole, whatever step fails; a kill leaves at most one file to collect. */
static void
walk_every_step(struct fixture *f, const char *action)
{
    struct err err = {0};
    char fault[64];
    int status, steps;

    for (steps = 1; steps < STEPS_MAX; steps++) {
        auto_free char *got = NULL;

        assert_ok(tmpfile_write_at(f->fd, "name", "old", 3, 0600, &err), &err);
        (void) snprintf(fault, sizeof fault, "*:%d:%s", steps, action);
        status = replace_in_child(f, fault);
        assert_ok(fd_read_file_at(f->fd, "name", 1000, &got, NULL, &err), &err);
        if (status == 0) {
            assert_string_equal(got, "new");
            break;
        }
        assert_true(strcmp(got, "old") == 0 || strcmp(got, "new") == 0);
        if (WIFEXITED(status))
            assert_int_equal(count_entries(f->fd), 1);
        assert_true(count_entries(f->fd) <= 2);
        assert_ok(tmpfile_collect_at(f->fd, &err), &err);
        assert_int_equal(count_entries(f->fd), 1);
    }
    assert_int_equal(steps, 7); /* open write fsync link rename dirsync, then none is left */
}

static void
every_failing_step_leaves_a_whole_file(void **state)
{
    walk_every_step(*state, "ENOSPC");
    walk_every_step(*state, "EIO");
}

static void
a_kill_at_every_step_leaves_a_whole_file(void **state)
{
    walk_every_step(*state, "kill");
}

static void
a_full_disk_is_resource_exhausted(void **state)
{
    static const char *const points[] = {"tmpfile.open", "tmpfile.write", "tmpfile.fsync",
                                         "tmpfile.link", "tmpfile.dirsync"};
    struct fixture *f = *state;
    struct err err = {0};
    char fault[64];

    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        (void) snprintf(fault, sizeof fault, "%s:1:ENOSPC", points[i]);
        (void) setenv("ROSS_FAULT", fault, 1);
        fault_reload();
        assert_code(tmpfile_write_at(f->fd, "name", "x", 1, 0600, &err), CODE_RESOURCE_EXHAUSTED,
                    &err);
        assert_int_equal(err.sys_errno, ENOSPC);
        assert_non_null(strstr(err.msg, "'name'"));
    }
    (void) unsetenv("ROSS_FAULT");
    fault_reload();
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
        WITH_DIR(stays_invisible_until_published),
        WITH_DIR(a_taken_name_is_already_exists),
        WITH_DIR(write_at_replaces_whole),
        WITH_DIR(dropped_leaves_nothing),
        WITH_DIR(collect_takes_only_leftovers),
#ifdef ROSS_FAULTS
        WITH_DIR(every_failing_step_leaves_a_whole_file),
        WITH_DIR(a_kill_at_every_step_leaves_a_whole_file),
        WITH_DIR(a_full_disk_is_resource_exhausted),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
