/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of fd.c. */
#include "libross/base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "libross/base/test.h"

struct fixture {
    char *path;
    int fd;
};

static void
closing_keeps_errno(void **state)
{
    int fd = dup(((struct fixture *) *state)->fd);

    errno = ENOTTY;
    fd = fd_close(fd);
    assert_int_equal(fd, -1);
    assert_int_equal(errno, ENOTTY);
    fd = fd_close(-1);
    fd = fd_close(1 << 29); /* not open */
    assert_int_equal(errno, ENOTTY);
}

static void
take_fd_leaves_minus_one(void **state)
{
    auto_close int a = dup(((struct fixture *) *state)->fd);
    auto_close int b = TAKE_FD(a);

    assert_int_equal(a, -1);
    assert_true(b >= 0);
}

struct feeder {
    int fd;
    size_t total;
};

/* Writes in odd pieces, so that reads come short. */
static void *
feed(void *arg)
{
    struct feeder *f = arg;
    char piece[997];

    for (size_t done = 0, n; done < f->total; done += n) {
        n = f->total - done < sizeof piece ? f->total - done : sizeof piece;
        for (size_t i = 0; i < n; i++)
            piece[i] = (char) ((done + i) % 251);
        if (fd_write_all(f->fd, piece, n) < 0)
            break;
    }
    (void) close(f->fd);
    return NULL;
}

static void
read_full_puts_short_reads_together(void **state)
{
    enum { TOTAL = 300000 };
    char *got = xmalloc(TOTAL + 10);
    struct feeder f = {.total = TOTAL};
    pthread_t thread;
    int fds[2];

    (void) state;
    assert_int_equal(pipe(fds), 0);
    f.fd = fds[1];
    assert_int_equal(pthread_create(&thread, NULL, feed, &f), 0);
    assert_int_equal(fd_read_full(fds[0], got, TOTAL - 7), TOTAL - 7);
    /* fewer at the end, then none */
    assert_int_equal(fd_read_full(fds[0], got + TOTAL - 7, 17), 7);
    assert_int_equal(fd_read_full(fds[0], got + TOTAL, 1), 0);
    pthread_join(thread, NULL);
    for (size_t i = 0; i < TOTAL; i++)
        assert_int_equal((unsigned char) got[i], i % 251);
    (void) close(fds[0]);
    free(got);
}

static void
errors_are_errno(void **state)
{
    char c;

    (void) state;
    assert_int_equal(fd_write_all(-1, "x", 1), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(fd_write_all(-1, "", 0), 0);
    assert_int_equal(fd_read_full(-1, &c, 1), -1);
    assert_int_equal(fd_pread_full(-1, &c, 1, 0), -1);
    assert_int_equal(fd_pwrite_all(-1, &c, 1, 0), -1);
    assert_int_equal(fd_set_nonblock(-1), -1);
}

static void
offsets_are_kept(void **state)
{
    struct fixture *f = *state;
    auto_close int fd = openat(f->fd, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    char got[10];

    assert_int_equal(fd_pwrite_all(fd, "world", 5, 5), 0);
    assert_int_equal(fd_pwrite_all(fd, "hello", 5, 0), 0);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
    assert_int_equal(fd_pread_full(fd, got, 10, 3), 7);
    assert_memory_equal(got, "loworld", 7);
}

static void
flags_are_set(void **state)
{
    auto_close int fd = dup(((struct fixture *) *state)->fd);

    assert_int_equal(fd_set_cloexec(fd, 1), 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fd_set_cloexec(fd, 0), 0);
    assert_int_equal(fcntl(fd, F_GETFD), 0);
    assert_int_equal(fd_set_nonblock(fd), 0);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

/* Sizes around the limit and around the step of reading. */
static void
whole_files_are_read_up_to_their_limit(void **state)
{
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 10000};
    struct fixture *f = *state;
    struct err err = {0};
    char *text;
    size_t len;

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char *want = xmalloc(sizes[i] + 1);

        memset(want, 'w', sizes[i]);
        want[sizes[i]] = '\0';
        assert_ok(fd_write_file_at(f->fd, "file", want, sizes[i], 0600, &err), &err);
        assert_ok(fd_read_file_at(f->fd, "file", 20000, &text, &len, &err), &err);
        assert_int_equal(len, sizes[i]);
        assert_string_equal(text, want);
        free(text);
        if (sizes[i]) {
            assert_ok(fd_read_file_at(f->fd, "file", sizes[i], &text, NULL, &err), &err);
            free(text);
        }
        if (sizes[i] > 1)
            assert_code(fd_read_file_at(f->fd, "file", sizes[i] - 1, &text, &len, &err),
                        CODE_RESOURCE_EXHAUSTED, &err);
        free(want);
    }
}

static void
missing_files_are_not_found(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    char *text;

    assert_ok(fd_write_file_at(f->fd, "file", "x", 1, 0600, &err), &err);
    assert_code(fd_read_file_at(f->fd, "none", 10, &text, NULL, &err), CODE_NOT_FOUND, &err);
    assert_code(fd_read_file_at(f->fd, "file/none", 10, &text, NULL, &err), CODE_NOT_FOUND, &err);
    assert_code(fd_read_file_at(f->fd, ".", 10, &text, NULL, &err), CODE_INTERNAL, &err);
    assert_int_equal(err.sys_errno, EISDIR);
    assert_non_null(strstr(err.msg, "'.'"));
}

static void
written_files_replace_whole_and_leave_no_others(void **state)
{
    struct fixture *f = *state;
    auto_free char *text = NULL;
    struct err err = {0};
    struct dirent *e;
    struct stat st;
    mode_t old;
    int n = 0;
    DIR *dir;

    assert_ok(fd_write_file_at(f->fd, "file", "a long one", 10, 0600, &err), &err);
    old = umask(077);
    assert_ok(fd_write_file_at(f->fd, "file", "short", 5, 0644, &err), &err);
    umask(old);
    assert_ok(fd_read_file_at(f->fd, "file", 100, &text, NULL, &err), &err);
    assert_string_equal(text, "short");
    assert_int_equal(fstatat(f->fd, "file", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    /* a name that cannot be replaced */
    assert_int_equal(mkdirat(f->fd, "dir", 0700), 0);
    assert_true(fd_write_file_at(f->fd, "dir", "x", 1, 0600, &err) < 0);
    dir = opendir(f->path);
    assert_non_null(dir);
    while ((e = readdir(dir)))
        n += e->d_name[0] != '.';
    (void) closedir(dir);
    assert_int_equal(n, 2);
}

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
        WITH_DIR(closing_keeps_errno),
        WITH_DIR(take_fd_leaves_minus_one),
        WITH_DIR(read_full_puts_short_reads_together),
        WITH_DIR(errors_are_errno),
        WITH_DIR(offsets_are_kept),
        WITH_DIR(flags_are_set),
        WITH_DIR(whole_files_are_read_up_to_their_limit),
        WITH_DIR(missing_files_are_not_found),
        WITH_DIR(written_files_replace_whole_and_leave_no_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
