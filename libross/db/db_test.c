/* SPDX-License-Identifier: Apache-2.0 */
#include "db.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db_stmt.h"
#include "libross/base/fd.h"
#include "libross/base/test.h"

/* Forty processes that all sync wait for each other longer on a slow disk than one caller of a service would. */
#define PATIENCE_MS 200000

static const char *const steps[] = {
    "CREATE TABLE item (name TEXT PRIMARY KEY, size INTEGER NOT NULL CHECK (size >= 0), data BLOB)",
    "CREATE TABLE part (item TEXT NOT NULL REFERENCES item (name), n INTEGER)",
};

struct fixture {
    char *dir, *path;
};

static int
setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);

    f->dir = test_tmpdir();
    f->path = xasprintf("%s/test.db", f->dir);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    free(f->path);
    (void) umount2(f->dir, MNT_DETACH); /* of the test that mounts something there */
    test_tmpdir_remove(f->dir);
    free(f);
    return 0;
}

static int
open_n(const struct fixture *f, enum db_mode mode, size_t n_steps, struct db **ret, struct err *err)
{
    const struct db_options opt = {.path = f->path,
                                   .mode = mode,
                                   .migrations = steps,
                                   .n_migrations = n_steps,
                                   .busy_max_ms = PATIENCE_MS};

    return db_open(&opt, ret, err);
}

static int
insert(struct db *db, const char *name, int64_t size, struct err *err)
{
    AUTO(db_txn) t = {0};
    int r;

    r = db_txn_begin(db, DB_WRITE, &t, err);
    if (r < 0)
        return r;
    r = db_run(&t, err, "INSERT INTO item VALUES (?1, ?2, ?3)", DB_TEXT(name), DB_INT(size),
               DB_BLOB("\0\1", 2));
    if (r < 0)
        return r;
    assert_int_equal(r, 1);
    return db_txn_commit(&t, err);
}

static int64_t
count(struct db *db)
{
    AUTO(db_txn) t = {0};
    AUTO_PTR(db_stmt) q = NULL;
    struct err e = {0};

    assert_ok(db_txn_begin(db, DB_READ, &t, &e), &e);
    assert_ok(db_query(&t, &q, &e, "SELECT count(*) FROM item"), &e);
    assert_int_equal(db_stmt_next(q, &e), 1);
    return db_stmt_int(q, 0);
}

static void
opens_privately_and_migrates_stepwise(void **state)
{
    struct fixture *f = *state;
    AUTO_DB db = NULL;
    struct err e = {0};
    struct stat st;

    assert_ok(open_n(f, DB_SERVICE, 1, &db, &e), &e);
    assert_ok(insert(db, "a", 1, &e), &e);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    db_close(TAKE(db));

    assert_ok(open_n(f, DB_SERVICE, 2, &db, &e), &e);
    assert_int_equal(count(db), 1);
    assert_ok(db_verify(db, &e), &e);
    db_close(TAKE(db));

    assert_code(open_n(f, DB_SERVICE, 1, &db, &e), CODE_FAILED_PRECONDITION, &e);
    assert_non_null(strstr(e.msg, "newer version"));
    assert_null(db);
}

static void
refuses_what_is_no_database(void **state)
{
    struct fixture *f = *state;
    AUTO_DB db = NULL;
    struct err e = {0};
    char junk[8192];

    memset(junk, 'x', sizeof junk);
    assert_ok(fd_write_file_at(AT_FDCWD, f->path, junk, sizeof junk, 0600, &e), &e);
    assert_code(open_n(f, DB_SERVICE, 2, &db, &e), CODE_DATA_LOSS, &e);
    free(f->path);
    f->path = xasprintf("%s/missing/test.db", f->dir);
    assert_code(open_n(f, DB_SERVICE, 2, &db, &e), CODE_INTERNAL, &e);
    assert_non_null(strstr(e.msg, "missing/test.db"));
}

static void
a_failing_step_leaves_the_old_schema(void **state)
{
    struct fixture *f = *state;
    const char *const bad[] = {steps[0], "CREATE TABLE b (x); CREATE TABLE item (y)"};
    const struct db_options opt = {.path = f->path, .migrations = bad, .n_migrations = 2};
    AUTO_DB db = NULL;
    struct err e = {0};

    assert_true(db_open(&opt, &db, &e) < 0);
    assert_non_null(strstr(e.msg, "schema step 2"));
    assert_ok(open_n(f, DB_SERVICE, 1, &db, &e), &e);
    assert_ok(insert(db, "a", 1, &e), &e);
}

static void
abort_and_constraints(void **state)
{
    struct fixture *f = *state;
    AUTO_DB db = NULL;
    struct err e = {0};

    assert_ok(open_n(f, DB_SERVICE, 2, &db, &e), &e);
    {
        AUTO(db_txn) t = {0};

        assert_ok(db_txn_begin(db, DB_WRITE, &t, &e), &e);
        assert_ok(db_run(&t, &e, "INSERT INTO item VALUES ('gone', 1, NULL)"), &e);
    }
    assert_int_equal(count(db), 0);
    assert_ok(insert(db, "a", 1, &e), &e);
    assert_code(insert(db, "a", 2, &e), CODE_ALREADY_EXISTS, &e);
    assert_code(insert(db, "b", -1, &e), CODE_FAILED_PRECONDITION, &e);
    {
        AUTO(db_txn) t = {0};

        assert_ok(db_txn_begin(db, DB_WRITE, &t, &e), &e);
        assert_code(db_run(&t, &e, "INSERT INTO part VALUES ('nobody', 1)"),
                    CODE_FAILED_PRECONDITION, &e);
    }
    assert_int_equal(count(db), 1);
}

static void
readers_keep_their_view(void **state)
{
    struct fixture *f = *state;
    AUTO_DB db = NULL;
    struct err e = {0};

    assert_ok(open_n(f, DB_SERVICE, 2, &db, &e), &e);
    assert_ok(insert(db, "a", 1, &e), &e);
    {
        AUTO(db_txn) t = {0};

        assert_ok(db_txn_begin(db, DB_READ, &t, &e), &e);
        for (int i = 0; i < 2; i++) {
            AUTO_PTR(db_stmt) q = NULL;

            assert_ok(db_query(&t, &q, &e, "SELECT count(*) FROM item"), &e);
            assert_int_equal(db_stmt_next(q, &e), 1);
            assert_int_equal(db_stmt_int(q, 0), 1);
            if (i == 0)
                assert_ok(insert(db, "b", 1, &e), &e);
        }
        assert_ok(db_txn_commit(&t, &e), &e);
    }
    assert_int_equal(count(db), 2);
}

struct load {
    struct db *db;
    int id, n;
};

static void *
insert_many(void *arg)
{
    const struct load *l = arg;
    struct err e = {0};

    for (int i = 0; i < l->n; i++) {
        char name[32];

        (void) snprintf(name, sizeof name, "%d.%d", l->id, i);
        if (insert(l->db, name, i, &e) < 0 || count(l->db) < 1)
            return xstrdup(e.msg);
    }
    return NULL;
}

static void
threads_write_and_read_side_by_side(void **state)
{
    struct fixture *f = *state;
    AUTO_DB db = NULL;
    struct err e = {0};
    struct load loads[16];
    pthread_t threads[16];

    assert_ok(open_n(f, DB_SERVICE, 2, &db, &e), &e);
    for (int i = 0; i < 16; i++) {
        loads[i] = (struct load){.db = db, .id = i, .n = 100};
        assert_int_equal(pthread_create(&threads[i], NULL, insert_many, &loads[i]), 0);
    }
    for (int i = 0; i < 16; i++) {
        void *msg;

        assert_int_equal(pthread_join(threads[i], &msg), 0);
        if (msg)
            fail_msg("%s", (char *) msg);
    }
    assert_int_equal(count(db), 1600);
    assert_ok(db_checkpoint(db, &e), &e);
    assert_int_equal(count(db), 1600);
    assert_ok(db_verify(db, &e), &e);
}

/* Runs fn in a child; the child's exit code. */
static pid_t
start_child(void (*fn)(const struct fixture *f, int id), const struct fixture *f, int id)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        fn(f, id);
        _exit(0);
    }
    return pid;
}

static void
wait_child(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

#define CHILD_ROWS 20

/* As a shim does: open, write, close, for every row. */
static void
share(const struct fixture *f, int id)
{
    for (int i = 0; i < CHILD_ROWS; i++) {
        struct db *db = NULL;
        struct err e = {0};
        char name[32];

        (void) snprintf(name, sizeof name, "%d.%d", id, i);
        if (open_n(f, DB_SHARED, 2, &db, &e) < 0 || insert(db, name, i, &e) < 0) {
            (void) fprintf(stderr, "process %d: %s\n", id, e.msg);
            _exit(1);
        }
        db_close(db);
    }
}

static void
processes_share_a_file_from_its_birth(void **state)
{
    enum { N = 40 };
    struct fixture *f = *state;
    AUTO_DB db = NULL;
    struct err e = {0};
    pid_t pids[N];

    for (int i = 0; i < N; i++)
        pids[i] = start_child(share, f, i);
    for (int i = 0; i < N; i++)
        wait_child(pids[i]);
    assert_ok(open_n(f, DB_SHARED, 2, &db, &e), &e);
    assert_int_equal(count(db), N * CHILD_ROWS);
    assert_ok(db_verify(db, &e), &e);
}

/* One process after the other, none beside another: what each has to read when it opens stays small. */
static void
the_log_of_lone_processes_stays_short(void **state)
{
    enum { ROUNDS = 300, LOG_MAX = 130 * 4120 };
    struct fixture *f = *state;
    const struct db_options opt = {.path = f->path,
                                   .mode = DB_SHARED,
                                   .migrations = steps,
                                   .n_migrations = 2,
                                   .no_sync = true};
    auto_free char *log = xasprintf("%s-wal", f->path);
    struct err e = {0};

    for (int i = 0; i < ROUNDS; i++) {
        AUTO_DB db = NULL;
        struct stat st;
        char name[32];

        (void) snprintf(name, sizeof name, "%d", i);
        assert_ok(db_open(&opt, &db, &e), &e);
        assert_ok(insert(db, name, i, &e), &e);
        assert_int_equal(count(db), i + 1);
        assert_int_equal(stat(log, &st), 0);
        assert_in_range(st.st_size, 0, LOG_MAX);
    }
}

static int report_fd;

static void
write_until_killed(const struct fixture *f, int id)
{
    struct db *db = NULL;
    struct err e = {0};

    (void) id;
    if (open_n(f, DB_SERVICE, 2, &db, &e) < 0)
        _exit(1);
    for (int i = 0;; i++) {
        char name[32];

        (void) snprintf(name, sizeof name, "%d", i);
        if (insert(db, name, i, &e) < 0 || write(report_fd, &i, sizeof i) != sizeof i)
            _exit(1);
    }
}

static void
committed_rows_survive_kill_9(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    int64_t before = 0;

    for (int round = 0; round < 5; round++) {
        int pipe_fds[2], last = -1, i, status;
        struct db *db = NULL;
        pid_t pid;

        free(f->path);
        f->path = xasprintf("%s/kill%d.db", f->dir, round);
        assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
        report_fd = pipe_fds[1];
        pid = start_child(write_until_killed, f, 0);
        (void) fd_close(pipe_fds[1]);
        while (last < 50 + round && fd_read_full(pipe_fds[0], &i, sizeof i) == sizeof i)
            last = i;
        assert_int_equal(kill(pid, SIGKILL), 0);
        while (fd_read_full(pipe_fds[0], &i, sizeof i) == sizeof i)
            last = i;
        (void) fd_close(pipe_fds[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        assert_ok(open_n(f, DB_SERVICE, 2, &db, &e), &e);
        assert_true(count(db) >= last + 1);
        assert_ok(db_verify(db, &e), &e);
        before += count(db);
        db_close(db);
    }
    assert_true(before > 0);
}

/* Fills the file system but for what is already reserved. */
static void
fill(const char *dir)
{
    auto_free char *path = xasprintf("%s/fill", dir);
    auto_close int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    char junk[4096] = {0};

    assert_true(fd >= 0);
    while (write(fd, junk, sizeof junk) > 0)
        ;
}

static void
deletes_work_on_a_full_disk(void **state)
{
    struct fixture *f = *state;
    AUTO_DB db = NULL;
    struct err e = {0};
    int r = 0;

    if (mount("tmpfs", f->dir, "tmpfs", 0, "size=16m")) {
        print_message("skipped: cannot mount a tmpfs\n");
        skip();
    }
    assert_ok(open_n(f, DB_SERVICE, 2, &db, &e), &e);
    for (int i = 0; i < 200; i++) {
        char name[32];

        (void) snprintf(name, sizeof name, "%d", i);
        assert_ok(insert(db, name, i, &e), &e);
    }
    fill(f->dir);
    for (int i = 0; i < 200; i++) {
        AUTO(db_txn) t = {0};

        assert_ok(db_txn_begin(db, DB_WRITE, &t, &e), &e);
        assert_int_equal(db_run(&t, &e, "DELETE FROM item WHERE size = ?1", DB_INT(i)), 1);
        assert_ok(db_txn_commit(&t, &e), &e);
    }
    assert_int_equal(count(db), 0);
    /* Rows in masses do run into the limit, with the right code, and nothing breaks. */
    for (int i = 0; i < 10000 && r == 0; i++) {
        AUTO(db_txn) t = {0};

        assert_ok(db_txn_begin(db, DB_WRITE, &t, &e), &e);
        r = db_run(&t, &e, "INSERT INTO item VALUES (hex(randomblob(8)), 1, zeroblob(100000))");
        if (r > 0)
            r = db_txn_commit(&t, &e);
    }
    assert_code(r, CODE_RESOURCE_EXHAUSTED, &e);
    assert_ok(db_verify(db, &e), &e);
}

#ifdef ROSS_FAULTS
/* Runs as a program of its own: the fault is read from the environment once a process. */
static int
sync_fails(const char *path)
{
    const struct db_options opt = {.path = path, .migrations = steps, .n_migrations = 2};
    struct db *db = NULL;
    struct err e = {0};

    if (db_open(&opt, &db, &e) < 0)
        return 1;
    if (insert(db, "a", 1, &e) != 0)
        return 2;
    if (insert(db, "b", 1, &e) != -CODE_INTERNAL || e.sys_errno != EIO)
        return 3;
    if (insert(db, "c", 1, &e) != -CODE_INTERNAL || !strstr(e.msg, "sync database"))
        return 4;
    if (count(db) < 1)
        return 5;
    db_close(db);
    return 0;
}

static void
exec_sync_fails(const struct fixture *f, int id)
{
    (void) id;
    (void) setenv("ROSS_FAULT", "db.sync:2:EIO", 1);
    (void) execl("/proc/self/exe", "db_test", "sync-fails", f->path, (char *) NULL);
    _exit(99);
}

static void
refuses_writes_after_a_failed_sync(void **state)
{
    wait_child(start_child(exec_sync_fails, *state, 0));
}
#endif

int
main(int argc, char **argv)
{
#ifdef ROSS_FAULTS
    if (argc == 3 && !strcmp(argv[1], "sync-fails"))
        return sync_fails(argv[2]);
#else
    (void) argc;
    (void) argv;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(opens_privately_and_migrates_stepwise, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_database, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failing_step_leaves_the_old_schema, setup, teardown),
        cmocka_unit_test_setup_teardown(abort_and_constraints, setup, teardown),
        cmocka_unit_test_setup_teardown(readers_keep_their_view, setup, teardown),
        /* Children before threads: fork() copies one thread only. */
        cmocka_unit_test_setup_teardown(processes_share_a_file_from_its_birth, setup, teardown),
        cmocka_unit_test_setup_teardown(the_log_of_lone_processes_stays_short, setup, teardown),
        cmocka_unit_test_setup_teardown(committed_rows_survive_kill_9, setup, teardown),
#ifdef ROSS_FAULTS
        cmocka_unit_test_setup_teardown(refuses_writes_after_a_failed_sync, setup, teardown),
#endif
        cmocka_unit_test_setup_teardown(deletes_work_on_a_full_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(threads_write_and_read_side_by_side, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
