/* SPDX-License-Identifier: Apache-2.0 */
#include "side_write.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ingest.h"
#include "libross/base/fd.h"
#include "libross/base/test.h"

#define MIB (1024 * 1024)

static void
bytes_are_where_they_belong(void **state)
{
    struct side_write *s = side_write_new();
    char *dir = test_tmpdir(), back[8] = "";
    auto_free char *path = xasprintf("%s/f", dir);
    auto_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct side_write_job *jobs[2];

    (void) state;
    for (int round = 0; round < 100; round++) {
        jobs[0] = side_write_start(s, fd, "abcd", 4, 0);
        jobs[1] = side_write_start(s, fd, "efg", 3, 4);
        assert_non_null(jobs[0]);
        assert_non_null(jobs[1]);
        assert_int_equal(side_write_wait(s, jobs[1]), 0);
        assert_int_equal(side_write_wait(s, jobs[0]), 0);
        assert_int_equal(pread(fd, back, 7, 0), 7);
        assert_string_equal(back, "abcdefg");
        assert_int_equal(ftruncate(fd, 0), 0);
    }
    side_write_free(s);
    test_tmpdir_remove(dir);
}

static void
says_when_all_are_busy(void **state)
{
    struct side_write *s = side_write_new();
    struct side_write_job *jobs[8];
    auto_close int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    unsigned n = 0;

    (void) state;
    while (n < ARRAY_LEN(jobs) && (jobs[n] = side_write_start(s, fd, "x", 1, 0)))
        n++;
    assert_in_range(n, 1, ARRAY_LEN(jobs) - 1);
    assert_int_equal(side_write_wait(s, jobs[--n]), 0);
    jobs[n] = side_write_start(s, fd, "x", 1, 0);
    assert_non_null(jobs[n]);
    for (unsigned i = 0; i <= n; i++)
        assert_int_equal(side_write_wait(s, jobs[i]), 0);
    side_write_free(s);
}

static void
brings_the_error(void **state)
{
    struct side_write *s = side_write_new();
    auto_close int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    (void) state;
    assert_int_equal(side_write_wait(s, side_write_start(s, fd, "x", 1, 0)), ENOSPC);
    side_write_free(s);
}

static void
limit_files(rlim_t bytes)
{
    struct rlimit l;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
    l.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

/* The hash went on while the file refused: it must be what it was. */
static void
a_failed_write_leaves_the_ingest_as_it_was(void **state)
{
    char *dir = test_tmpdir();
    struct blob_store *store = NULL;
    struct ingest *in = NULL;
    auto_free char *bytes = xmalloc(2 * MIB);
    struct digest before, now, whole;
    struct err e = {0};

    (void) state;
    memset(bytes, 'r', 2 * MIB);
    digest_compute(DIGEST_SHA256, bytes, 2 * MIB, &whole);
    assert_ok(blob_store_open(dir, &store, &e), &e);
    assert_ok(ingest_create(store, 1, DIGEST_SHA256, &in, &e), &e);
    assert_ok(ingest_write(in, bytes, MIB, &e), &e);
    ingest_digest(in, &before);
    limit_files(MIB + 4096);
    assert_true(ingest_write(in, bytes + MIB, MIB, &e) < 0);
    limit_files(RLIM_INFINITY);
    assert_int_equal(e.sys_errno, EFBIG);
    assert_int_equal(ingest_offset(in), MIB);
    ingest_digest(in, &now);
    assert_true(digest_equal(&now, &before));
    assert_ok(ingest_write(in, bytes + MIB, MIB, &e), &e);
    ingest_digest(in, &now);
    assert_true(digest_equal(&now, &whole));
    ingest_free(in);
    blob_store_close(store);
    test_tmpdir_remove(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_where_they_belong),
        cmocka_unit_test(says_when_all_are_busy),
        cmocka_unit_test(brings_the_error),
        cmocka_unit_test(a_failed_write_leaves_the_ingest_as_it_was),
    };

    (void) signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
