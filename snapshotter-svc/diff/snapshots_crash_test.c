/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of two layers, cut short at every fault point: killed, or failing with ENOSPC or EIO. The program
 * starts itself as the victim, reads which steps it reported as done, and looks at what it left.
 */
#include "diff_apply.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libross/base/buf.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/rmtree.h"
#include "libross/base/test.h"
#include "snapshotter-svc/check.h"
#include "snapshotter-svc/diff/testlib/layer_store.h"

#define FILES      5
#define LIST_MAX   (1 << 20)
#define L1_INODES  (FILES + 2) /* root, dir, files */
#define STEP_L1    '1'
#define STEP_L2    '2'
#define STEP_GONE  '3'
#define STEP_CLEAN '4'

static const struct labels no_labels;

/* ---- the layer ---- */

static void
make_layer(struct buf *b)
{
    char name[32];

    tar_build_add(b, &(struct tar_build_entry){.type = '5', .name = "d/"});
    for (int i = 0; i < FILES; i++) {
        (void) snprintf(name, sizeof name, "d/file-%d", i);
        tar_build_add(b, &(struct tar_build_entry){.name = name, .content = "content of a file"});
    }
}

/* ---- the victim ---- */

static int
make_snapshot(struct snapshots *s, const struct diff_settings *diff, const char *name,
              const char *key, const char *parent, struct err *err)
{
    AUTO(buf) b = BUF_INIT(1 << 20);
    AUTO(oci_desc) layer = {0};
    AUTO(oci_desc) applied = {0};
    AUTO(mount_list) mounts = {0};
    AUTO(snapshot_info) info = {0};
    int r;

    if (snapshots_stat(s, NULL, name, &info, NULL) == 0)
        return 0; /* from an earlier life */
    (void) snapshots_remove(s, NULL, key, NULL);
    make_layer(&b);
    layer = layer_desc(&b, LAYER_TAR);
    r = snapshots_prepare(s, NULL, SNAPSHOT_ACTIVE, key, parent, &no_labels, &mounts, err);
    if (r == 0)
        r = diff_apply(diff, NULL, &layer, &mounts, false, &applied, err);
    if (r == 0)
        r = snapshots_commit(s, NULL, name, key, "", &no_labels, err);
    return r;
}

static int
live(struct snapshots *s, const struct diff_settings *diff, struct err *err)
{
    AUTO(mount_list) mounts = {0};
    int r;

    r = make_snapshot(s, diff, "l1", "k1", "", err);
    if (r == 0 && write(STDOUT_FILENO, &(char){STEP_L1}, 1) == 1)
        r = make_snapshot(s, diff, "l2", "k2", "l1", err);
    (void) snapshots_remove(s, NULL, "v", NULL); /* of an earlier life */
    if (r == 0 && write(STDOUT_FILENO, &(char){STEP_L2}, 1) == 1)
        r = snapshots_prepare(s, NULL, SNAPSHOT_VIEW, "v", "l2", &no_labels, &mounts, err);
    if (r == 0)
        r = snapshots_remove(s, NULL, "v", err);
    if (r == 0)
        r = snapshots_remove(s, NULL, "l2", err);
    if (r == 0 && write(STDOUT_FILENO, &(char){STEP_GONE}, 1) == 1)
        r = snapshots_cleanup(s, NULL, err);
    if (r == 0)
        (void) !write(STDOUT_FILENO, &(char){STEP_CLEAN}, 1);
    return r;
}

static int
victim(const char *root)
{
    auto_free char *content = path_join(root, "content");
    struct diff_settings diff = {.places.content_root = content};
    struct snapshots_local *l;
    struct err err = {0};
    int r;

    r = snapshots_local_open(&(struct snapshots_local_options){.root = root}, &l, &err);
    if (r == 0) {
        diff.snapshots = l;
        r = live(snapshots_local_contract(l), &diff, &err);
        snapshots_free(snapshots_local_contract(l));
    }
    if (r < 0)
        (void) fprintf(stderr, "%s\n", err.msg);
    return r < 0;
}

/* ---- the judge ---- */

struct fixture {
    char *root;
    unsigned points; /* passed in a whole life */
};

/* Steps that the victim reported, in `done`; its wait status. */
static int
run_victim(const char *root, const char *fault, const char *list, char done[static 8])
{
    int out[2], status;
    ssize_t n;
    pid_t pid;

    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

        if (fault)
            (void) setenv("ROSS_FAULT", fault, 1);
        if (list)
            (void) setenv("ROSS_FAULT_LIST", list, 1);
        (void) dup2(out[1], STDOUT_FILENO);
        if (!getenv("ROSS_CRASH_LOUD"))
            (void) dup2(null, STDERR_FILENO);
        (void) execl("/proc/self/exe", "victim", root, (char *) NULL);
        _exit(126);
    }
    assert_true(pid > 0);
    (void) close(out[1]);
    n = fd_read_full(out[0], done, 7);
    assert_true(n >= 0);
    done[n] = '\0';
    (void) close(out[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static int
setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    AUTO(buf) b = BUF_INIT(1 << 20);
    AUTO(oci_desc) layer = {0};
    auto_free char *content = NULL;

    f->root = test_tmpdir();
    content = path_join(f->root, "content");
    make_layer(&b);
    layer = layer_store(content, &b, LAYER_TAR);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    test_tmpdir_remove(f->root);
    free(f);
    return 0;
}

static void
forget_everything(struct fixture *f)
{
    auto_close int fd = open(f->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    static const char *const names[] = {"snapshots", "snapshotter.db", "snapshotter.db-wal",
                                        "snapshotter.db-shm"};
    struct err err = {0};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_ok(rmtree_at(fd, names[i], &err), &err);
}

static void
expect_layer(struct snapshots *s, const char *name, bool must, const char *what)
{
    struct snapshot_usage u;
    AUTO(snapshot_info) info = {0};
    struct err err = {0};
    int r = snapshots_stat(s, NULL, name, &info, &err);

    if (r < 0 && must)
        fail_msg("%s: %s was committed and is gone: %s", what, name, err.msg);
    if (r < 0)
        return;
    assert_int_equal(info.kind, SNAPSHOT_COMMITTED);
    assert_ok(snapshots_usage(s, NULL, name, &u, &err), &err);
    if (u.inodes != L1_INODES)
        fail_msg("%s: %s has %lld inodes", what, name, (long long) u.inodes);
}

/* Opens what the victim left as the next start does, then looks at every row and directory. */
static void
judge(struct fixture *f, const char *done, const char *what)
{
    struct snapshots_local *l;
    struct snapshots *s;
    AUTO(snapshot_info) info = {0};
    struct err err = {0};

    assert_ok(snapshots_local_open(&(struct snapshots_local_options){.root = f->root}, &l, &err),
              &err);
    s = snapshots_local_contract(l);
    assert_ok(snapshots_cleanup(s, NULL, &err), &err);
    expect_layer(s, "l1", strchr(done, STEP_L1), what);
    expect_layer(s, "l2", false, what); /* it may be on its way out */
    if (strchr(done, STEP_GONE) && snapshots_stat(s, NULL, "l2", &info, NULL) == 0)
        fail_msg("%s: l2 was removed and is back", what);
    snapshots_free(s);
    if (check_run(f->root, false, stdout, &err) != 0)
        fail_msg("%s: check: %s", what, err.msg);
}

static unsigned
count_points(struct fixture *f)
{
    auto_free char *list = xasprintf("%s/points", f->root), *text = NULL;
    struct err err = {0};
    unsigned n = 0;
    char done[8];
    int status;

    status = run_victim(f->root, NULL, list, done);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_string_equal(done, "1234");
    assert_ok(fd_read_file_at(AT_FDCWD, list, LIST_MAX, &text, NULL, &err), &err);
    for (const char *p = text; *p; p++)
        n += *p == '\n';
    (void) unlink(list);
    judge(f, done, "whole life");
    return n;
}

static void
walk(struct fixture *f, const char *action)
{
    unsigned points, cut = 0;
    char done[8];

    if (geteuid() != 0)
        skip();
    points = count_points(f);
    assert_true(points > 50);
    for (unsigned n = 1; n <= points; n++) {
        auto_free char *fault = xasprintf("*:%u:%s", n, action);
        int status;

        forget_everything(f);
        status = run_victim(f->root, fault, NULL, done);
        if (WIFSIGNALED(status))
            assert_int_equal(WTERMSIG(status), SIGKILL);
        cut += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
        judge(f, done, fault);
        /* The next life completes what this one began. */
        status = run_victim(f->root, NULL, NULL, done);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            fail_msg("%s: the next life ended with %d after '%s'", fault, status, done);
        judge(f, done, fault);
    }
    (void) printf("%s: %u points, %u lives cut short\n", action, points, cut);
    assert_true(cut > points / 2);
}

static void
killed_anywhere(void **state)
{
    walk(*state, "kill");
}

static void
no_space_anywhere(void **state)
{
    walk(*state, "ENOSPC");
}

static void
input_output_error_anywhere(void **state)
{
    walk(*state, "EIO");
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_anywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(no_space_anywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(input_output_error_anywhere, setup, teardown),
    };

    if (argc == 2 && strcmp(argv[0], "victim") == 0)
        return victim(argv[1]);
#ifndef ROSS_FAULTS
    (void) printf("skipped: built without fault points\n");
    return 77;
#endif
    return cmocka_run_group_tests(tests, NULL, NULL);
}
