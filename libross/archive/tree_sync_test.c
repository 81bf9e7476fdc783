/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs_journal.h"
#include "libross/base/fd.h"
#include "libross/base/mem.h"
#include "tree_sync.h"
#include "writeback.h"

#define FILES 300

static void
fill(const char *tmp)
{
    struct err err = {0};
    auto_close int top = open(tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (unsigned i = 0; i < FILES; i++) {
        char name[64];

        if (i % 10 == 0) {
            (void) snprintf(name, sizeof name, "d%u", i / 10);
            assert_int_equal(mkdirat(top, name, 0755), 0);
        }
        (void) snprintf(name, sizeof name, "d%u/f%u", i / 10, i);
        assert_ok(fd_write_file_at(top, name, name, strlen(name), 0600, &err), &err);
    }
    assert_int_equal(symlinkat("/nowhere", top, "link"), 0);
    assert_int_equal(mkfifoat(top, "fifo", 0600), 0); /* must not be waited for */
}

static int
sync_child(const char *what, const char *dir)
{
    auto_close int top = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct err err = {0};
    int r = strcmp(what, "finish") == 0 ? tree_sync_finish(top, &err) : tree_sync(top, &err);

    return r < 0 && !err.msg[0] ? 99 : -r;
}

/* How it ends with a fault, in a process of its own. */
static int
sync_with(const char *what, const char *tmp, const char *fault, const char *list)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        if (fault)
            setenv("ROSS_FAULT", fault, 1);
        if (list)
            setenv("ROSS_FAULT_LIST", list, 1);
        execl("/proc/self/exe", "tree_sync_test", "--child", what, tmp, (char *) NULL);
        _exit(98);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static void
syncs_a_tree(void **state)
{
    char *tmp = test_tmpdir();

    (void) state;
    fill(tmp);
    assert_int_equal(sync_with("all", tmp, NULL, NULL), 0);
    assert_int_equal(sync_with("finish", tmp, NULL, NULL), 0);
    test_tmpdir_remove(tmp);
}

#ifdef ROSS_FAULTS
/* Every file (300, twice for the two passes), every directory (30) and the root are passed. */
static void
passes_every_file_and_directory(void **state)
{
    char *tmp = test_tmpdir(), *lists = test_tmpdir();
    auto_free char *list = xasprintf("%s/list", lists), *text = NULL;
    struct err err = {0};
    size_t n = 0;

    (void) state;
    fill(tmp);
    assert_int_equal(sync_with("all", tmp, NULL, list), 0);
    assert_ok(fd_read_file_at(AT_FDCWD, list, 1 << 20, &text, NULL, &err), &err);
    for (const char *p = text; *p; p++)
        n += *p == '\n';
    assert_int_equal(n, 2 * FILES + FILES / 10 + 1);
    assert_int_equal(sync_with("all", tmp, "sync.fsync:700:EIO", NULL), 0); /* never reached */
    assert_int_equal(sync_with("all", tmp, "sync.fsync:631:EIO", NULL), CODE_INTERNAL);
    assert_int_equal(sync_with("all", tmp, "sync.fsync:1:ENOSPC", NULL), CODE_RESOURCE_EXHAUSTED);
    test_tmpdir_remove(tmp);
    test_tmpdir_remove(lists);
}

/* With an ordered journal: every file, and one commit. Else as above, without the first pass. */
static void
finishes_as_the_filesystem_allows(void **state)
{
    char *tmp = test_tmpdir(), *lists = test_tmpdir();
    auto_close int top = open(tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_free char *list = xasprintf("%s/list", lists), *text = NULL;
    bool ordered = fs_journal_is_ordered(top);
    struct err err = {0};
    size_t n = 0;

    (void) state;
    fill(tmp);
    assert_int_equal(sync_with("finish", tmp, NULL, list), 0);
    assert_ok(fd_read_file_at(AT_FDCWD, list, 1 << 20, &text, NULL, &err), &err);
    for (const char *p = text; *p; p++)
        n += *p == '\n';
    assert_int_equal(n, ordered ? FILES + 1 : FILES + FILES / 10 + 1);
    assert_int_equal(sync_with("finish", tmp, "sync.fsync:300:EIO", NULL), CODE_INTERNAL);
    assert_int_equal(sync_with("finish", tmp, "sync.commit:1:EIO", NULL),
                     ordered ? CODE_INTERNAL : 0);
    test_tmpdir_remove(tmp);
    test_tmpdir_remove(lists);
}
#endif

/* Descriptors are taken and closed, all of them, however many. */
static void
writeback_closes_what_it_takes(void **state)
{
    char *tmp = test_tmpdir();
    struct writeback *w = writeback_new();
    auto_free char *path = xasprintf("%s/f", tmp);
    int first, last;

    (void) state;
    assert_non_null(w);
    first = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(first >= 0);
    for (unsigned i = 0; i < 1000; i++) {
        int fd = fcntl(first, F_DUPFD_CLOEXEC, 0);

        assert_true(fd >= 0);
        writeback_add(w, fd);
    }
    writeback_free(w);
    last = fcntl(first, F_DUPFD_CLOEXEC, first + 1);
    assert_int_equal(last, first + 1);
    (void) fd_close(last);
    (void) fd_close(first);
    writeback_free(NULL);
    test_tmpdir_remove(tmp);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syncs_a_tree),
#ifdef ROSS_FAULTS
        cmocka_unit_test(passes_every_file_and_directory),
        cmocka_unit_test(finishes_as_the_filesystem_allows),
#endif
        cmocka_unit_test(writeback_closes_what_it_takes),
    };

    if (argc == 4 && strcmp(argv[1], "--child") == 0)
        return sync_child(argv[2], argv[3]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
