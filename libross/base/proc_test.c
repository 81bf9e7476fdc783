/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of proc.c, with the programs that every system has. */
#include "libross/base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/test.h"

#define LONG_MS 60000

#define SHELL(script)                                                                              \
    (const char *const[])                                                                          \
    {                                                                                              \
        "/bin/sh", "-c", script, NULL                                                              \
    }

static char *
output_of(const struct proc_spawn *spec, int want_status)
{
    struct buf out = BUF_INIT(65536);
    struct err err = {0};
    int status = -1;

    assert_ok(proc_run(spec, NULL, &out, NULL, LONG_MS, &status, &err), &err);
    assert_int_equal(status, want_status);
    return buf_take(&out);
}

static void
a_missing_program_is_not_found(void **state)
{
    static const char *const names[] = {"/nowhere/program", "ross-no-such-program", ""};
    struct proc_spawn spec = PROC_SPAWN_INIT;
    struct err err = {0};
    int pidfd = -7;
    pid_t pid = -7;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        spec.argv = (const char *const[]){names[i], NULL};
        assert_code(proc_spawn(&spec, &pid, &pidfd, &err), CODE_NOT_FOUND, &err);
        assert_int_equal(pid, -7);
        assert_int_equal(pidfd, -7);
    }
    /* and leaves no zombie */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void
an_exec_that_fails_tells_why(void **state)
{
    auto_close int dir = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_free char *path = path_join(*state, "prog");
    struct proc_spawn spec = PROC_SPAWN_INIT;
    struct err err = {0};
    pid_t pid;

    assert_ok(fd_write_file_at(dir, "prog", "not a program", 13, 0600, &err), &err);
    spec.argv = (const char *const[]){path, NULL};
    assert_code(proc_spawn(&spec, &pid, NULL, &err), CODE_PERMISSION_DENIED, &err);
    assert_int_equal(err.sys_errno, EACCES);
    assert_int_equal(fchmodat(dir, "prog", 0700, 0), 0);
    assert_code(proc_spawn(&spec, &pid, NULL, &err), CODE_INTERNAL, &err);
    assert_int_equal(err.sys_errno, ENOEXEC);
    assert_non_null(strstr(err.msg, path));
}

static void
exit_codes_and_signals_come_back(void **state)
{
    static const struct {
        const char *script;
        int want;
    } rows[] = {
        {"exit 0", 0},       {"exit 3", 3},          {"exit 255", 255},
        {"kill -9 $$", 137}, {"kill -TERM $$", 143},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct proc_spawn spec = PROC_SPAWN_INIT;

        spec.argv = SHELL(rows[i].script);
        free(output_of(&spec, rows[i].want));
    }
}

static void
the_pidfd_is_readable_when_the_child_ends(void **state)
{
    struct proc_spawn spec = PROC_SPAWN_INIT;
    auto_close int pidfd = -1;
    struct err err = {0};
    struct pollfd p;
    pid_t pid;
    int status;

    (void) state;
    spec.argv = SHELL("exit 9");
    spec.want_pidfd = true;
    assert_ok(proc_spawn(&spec, &pid, &pidfd, &err), &err);
    assert_int_equal(fcntl(pidfd, F_GETFD), FD_CLOEXEC);
    p = (struct pollfd){.fd = pidfd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, LONG_MS), 1);
    assert_ok(proc_wait(pid, &status, &err), &err);
    assert_int_equal(status, 9);
    assert_code(proc_wait(pid, &status, &err), CODE_INTERNAL, &err);
    assert_int_equal(err.sys_errno, ECHILD);
}

static void
descriptors_arrive_in_order_and_no_other(void **state)
{
    auto_close int dir = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_free char *got = NULL, *listed = NULL;
    struct proc_spawn spec = PROC_SPAWN_INIT;
    int fds[2], stray = dup(dir); /* stray is not close-on-exec */
    struct err err = {0};

    assert_ok(fd_write_file_at(dir, "a", "A", 1, 0600, &err), &err);
    assert_ok(fd_write_file_at(dir, "b", "B", 1, 0600, &err), &err);
    fds[0] = openat(dir, "a", O_RDONLY | O_CLOEXEC);
    fds[1] = openat(dir, "b", O_RDONLY | O_CLOEXEC);
    spec.argv = SHELL("cat <&3; cat <&4; for f in /proc/self/fd/*; do echo ${f##*/}; done");
    spec.pass_fds = fds;
    spec.n_pass_fds = 2;
    got = output_of(&spec, 0);
    /* 5 or higher is the shell reading /proc/self/fd, at most one */
    assert_true(strncmp(got, "AB0\n1\n2\n3\n4\n", 12) == 0);
    assert_true(!strchr(got + 12, '\n') || strchr(got + 12, '\n')[1] == '\0');
    (void) close(fds[0]);
    (void) close(fds[1]);
    (void) close(stray);
}

/* Sources that sit exactly where others shall go. */
static void
descriptors_can_swap_places(void **state)
{
    auto_close int dir = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct proc_spawn spec = PROC_SPAWN_INIT;
    auto_free char *got = NULL;
    struct err err = {0};
    int three, four, fds[3];

    assert_ok(fd_write_file_at(dir, "3", "three", 5, 0600, &err), &err);
    assert_ok(fd_write_file_at(dir, "4", "four", 4, 0600, &err), &err);
    three = openat(dir, "3", O_RDONLY | O_CLOEXEC);
    four = openat(dir, "4", O_RDONLY | O_CLOEXEC);
    /* 3 and 4 may be taken by the test program itself: any pair of small numbers does */
    fds[0] = three > four ? three : four;
    fds[1] = three > four ? four : three;
    fds[2] = fds[0];
    spec.argv = SHELL("cat <&3 <&3; cat <&4");
    spec.pass_fds = fds;
    spec.n_pass_fds = 3;
    got = output_of(&spec, 0);
    assert_string_equal(got, three > four ? "threefour" : "fourthree");
    (void) close(three);
    (void) close(four);
}

static void
stdio_is_null_given_or_inherited(void **state)
{
    struct proc_spawn spec = PROC_SPAWN_INIT;
    auto_close int in = -1, dir = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_free char *null = NULL, *given = NULL;
    struct err err = {0};
    int saved, status;

    spec.argv = SHELL("readlink /proc/self/fd/0; cat");
    null = output_of(&spec, 0);
    assert_string_equal(null, "/dev/null\n");

    assert_ok(fd_write_file_at(dir, "in", "words", 5, 0600, &err), &err);
    in = openat(dir, "in", O_RDONLY | O_CLOEXEC);
    spec.stdio[0] = in;
    spec.argv = SHELL("cat");
    given = output_of(&spec, 0);
    assert_string_equal(given, "words");

    saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    assert_true(dup2(in, STDIN_FILENO) == 0);
    spec.stdio[0] = -2;
    spec.argv = SHELL("test /proc/self/fd/0 -ef /proc/$PPID/fd/0");
    assert_ok(proc_run(&spec, NULL, NULL, NULL, LONG_MS, &status, &err), &err);
    if (saved >= 0) {
        (void) dup2(saved, STDIN_FILENO);
        (void) close(saved);
    }
    assert_int_equal(status, 0);
}

static void
signals_are_default_and_unblocked(void **state)
{
    auto_free char *got = NULL;
    struct proc_spawn spec = PROC_SPAWN_INIT;
    sigset_t all, old;

    (void) state;
    spec.argv =
        (const char *const[]){"/bin/grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status", NULL};
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    (void) signal(SIGPIPE, SIG_IGN);
    (void) signal(SIGHUP, SIG_IGN);
    (void) signal(SIGRTMIN + 3, SIG_IGN);
    got = output_of(&spec, 0);
    (void) signal(SIGPIPE, SIG_DFL);
    (void) signal(SIGHUP, SIG_DFL);
    (void) signal(SIGRTMIN + 3, SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    assert_string_equal(got, "SigBlk:\t0000000000000000\n"
                             "SigIgn:\t0000000000000000\n");
}

static void
directory_environment_and_session_are_set(void **state)
{
    auto_close int dir = open(*state, O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_free char *where = NULL, *env = NULL, *session = NULL;
    struct proc_spawn spec = PROC_SPAWN_INIT;

    spec.cwd_fd = dir;
    spec.argv = (const char *const[]){"/bin/pwd", NULL};
    where = output_of(&spec, 0);
    where[strcspn(where, "\n")] = '\0';
    assert_string_equal(where, (char *) *state);

    spec = (struct proc_spawn) PROC_SPAWN_INIT;
    spec.envp = (const char *const[]){"ONLY=this", NULL};
    spec.argv = (const char *const[]){"/usr/bin/env", NULL};
    env = output_of(&spec, 0);
    assert_string_equal(env, "ONLY=this\n");

    spec = (struct proc_spawn) PROC_SPAWN_INIT;
    spec.new_session = true;
    spec.argv = SHELL("set -- $(cat /proc/$$/stat); test $1 = $6 && test $1 = $5 && echo yes");
    session = output_of(&spec, 0);
    assert_string_equal(session, "yes\n");
    free(session);
    spec.new_session = false;
    spec.new_pgrp = true;
    spec.argv = SHELL("set -- $(cat /proc/$$/stat); test $1 = $5 && test $1 != $6 && echo yes");
    session = output_of(&spec, 0);
    assert_string_equal(session, "yes\n");
}

static void *
spawn_and_leave(void *arg)
{
    struct proc_spawn spec = PROC_SPAWN_INIT;

    spec.argv = SHELL("read forever");
    spec.stdio[0] = ((int *) arg)[0];
    spec.death_signal = SIGKILL;
    if (proc_spawn(&spec, (pid_t *) arg + 1, NULL, NULL) < 0)
        ((int *) arg)[1] = -1;
    return NULL;
}

static void
death_signal_follows_the_starting_thread(void **state)
{
    struct err err = {0};
    pthread_t thread;
    int fds[2], share[2], status;

    (void) state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    share[0] = fds[0];
    assert_int_equal(pthread_create(&thread, NULL, spawn_and_leave, share), 0);
    pthread_join(thread, NULL);
    assert_true(share[1] > 0);
    assert_ok(proc_wait(share[1], &status, &err), &err);
    assert_int_equal(status, 128 + SIGKILL);
    (void) close(fds[0]);
    (void) close(fds[1]);
}

static void
run_feeds_and_collects_more_than_a_pipe_holds(void **state)
{
    struct proc_spawn spec = PROC_SPAWN_INIT;
    AUTO(buf) in = BUF_INIT(1 << 20);
    AUTO(buf) out = BUF_INIT(1 << 20);
    AUTO(buf) errout = BUF_INIT(1000);
    struct err err = {0};
    int status;

    (void) state;
    for (int i = 0; i < 50000; i++)
        assert_ok(buf_printf(&in, &err, "line %6d\n", i), &err);
    spec.argv = SHELL("tee /dev/stderr; exit 4");
    assert_ok(proc_run(&spec, &in, &out, &errout, LONG_MS, &status, &err), &err);
    assert_int_equal(status, 4);
    assert_int_equal(out.len, in.len);
    assert_memory_equal(out.data, in.data, in.len);
    assert_int_equal(errout.len, 1000); /* its maximum; the rest was read and dropped */
    assert_memory_equal(errout.data, in.data, 1000);
}

static void
run_survives_a_child_that_does_not_read(void **state)
{
    struct proc_spawn spec = PROC_SPAWN_INIT;
    AUTO(buf) in = BUF_INIT(1 << 20);
    struct err err = {0};
    sigset_t pending;
    int status;

    (void) state;
    while (in.len < 500000)
        assert_ok(buf_append_str(&in, "some words that nobody wants\n", &err), &err);
    spec.argv = SHELL("exec <&-; exit 5");
    for (int i = 0; i < 20; i++) {
        assert_ok(proc_run(&spec, &in, NULL, NULL, LONG_MS, &status, &err), &err);
        assert_int_equal(status, 5);
    }
    sigpending(&pending);
    assert_false(sigismember(&pending, SIGPIPE));
}

static void
run_kills_at_the_deadline(void **state)
{
    struct proc_spawn spec = PROC_SPAWN_INIT;
    int64_t start = clock_mono_ns();
    AUTO(buf) out = BUF_INIT(100);
    struct err err = {0};
    int status = -1, fds[2];

    (void) state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    spec.stdio[0] = fds[0];
    spec.argv = SHELL("read forever");
    assert_code(proc_run(&spec, NULL, &out, NULL, 50, &status, &err), CODE_DEADLINE_EXCEEDED, &err);
    assert_true(clock_mono_ns() - start >= 50 * NS_PER_MS);
    assert_int_equal(status, -1);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    (void) close(fds[0]);
    (void) close(fds[1]);
}

static void
run_does_not_wait_for_grandchildren(void **state)
{
    struct proc_spawn spec = PROC_SPAWN_INIT;
    AUTO(buf) out = BUF_INIT(100);
    struct err err = {0};
    int status, fds[2];

    (void) state;
    /* the grandchild holds stdout until our pipe to it closes */
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    spec.pass_fds = &fds[0];
    spec.n_pass_fds = 1;
    spec.argv = SHELL("echo before; (cat <&3 >/dev/null) & exit 0");
    assert_ok(proc_run(&spec, NULL, &out, NULL, LONG_MS, &status, &err), &err);
    assert_string_equal(out.data, "before\n");
    (void) close(fds[0]);
    (void) close(fds[1]);
}

static void
no_descriptor_is_left_behind(void **state)
{
    struct proc_spawn spec = PROC_SPAWN_INIT;
    AUTO(buf) out = BUF_INIT(100);
    int before = dup(0), after;
    struct err err = {0};

    (void) state;
    (void) close(before);
    spec.argv = SHELL("echo x");
    assert_ok(proc_run(&spec, &out, &out, &out, LONG_MS, NULL, &err), &err);
    spec.argv = (const char *const[]){"/nowhere/program", NULL};
    assert_code(proc_run(&spec, &out, &out, &out, LONG_MS, NULL, &err), CODE_NOT_FOUND, &err);
    after = dup(0);
    (void) close(after);
    assert_int_equal(before, after);
}

static void
programs_are_found_on_the_path(void **state)
{
    auto_close int dir = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_free char *saved = xstrdup(getenv("PATH")), *want = path_join(*state, "tool");
    auto_free char *dirs = xasprintf(":relative:/nowhere:%s", (char *) *state);
    auto_free char *found = NULL, *slash = NULL;
    struct err err = {0};

    assert_ok(fd_write_file_at(dir, "tool", "#!/bin/sh\n", 10, 0700, &err), &err);
    assert_ok(fd_write_file_at(dir, "data", "", 0, 0600, &err), &err);
    assert_int_equal(mkdirat(dir, "folder", 0700), 0);
    (void) setenv("PATH", dirs, 1);
    found = proc_find_program("tool");
    assert_string_equal(found, want);
    slash = proc_find_program(want);
    assert_string_equal(slash, want);
    assert_null(proc_find_program("data"));
    assert_null(proc_find_program("folder"));
    assert_null(proc_find_program(*state));
    assert_null(proc_find_program("missing"));
    (void) setenv("PATH", saved, 1);
}

static void
companions_are_beside_us_or_on_the_path(void **state)
{
    auto_free char *dir = path_join(*state, "bin"), *tool = path_join(dir, "only-on-the-path");
    auto_free char *self = realpath("/proc/self/exe", NULL), *saved = xstrdup(getenv("PATH"));
    auto_free char *own = NULL, *on_path = NULL;
    auto_close int fd = -1;
    struct err err = {0};

    assert_non_null(self);
    own = proc_find_companion(strrchr(self, '/') + 1);
    assert_string_equal(own, self);
    assert_null(proc_find_companion("only-on-the-path"));
    assert_ok(path_open_dir(dir, 0700, &fd, &err), &err);
    assert_ok(fd_write_file_at(fd, "only-on-the-path", "#!/bin/sh\n", 10, 0700, &err), &err);
    (void) setenv("PATH", dir, 1);
    on_path = proc_find_companion("only-on-the-path");
    (void) setenv("PATH", saved, 1);
    assert_non_null(on_path);
    assert_string_equal(on_path, tool);
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
        cmocka_unit_test(a_missing_program_is_not_found),
        WITH_DIR(an_exec_that_fails_tells_why),
        cmocka_unit_test(exit_codes_and_signals_come_back),
        cmocka_unit_test(the_pidfd_is_readable_when_the_child_ends),
        WITH_DIR(descriptors_arrive_in_order_and_no_other),
        WITH_DIR(descriptors_can_swap_places),
        WITH_DIR(stdio_is_null_given_or_inherited),
        cmocka_unit_test(signals_are_default_and_unblocked),
        WITH_DIR(directory_environment_and_session_are_set),
        cmocka_unit_test(death_signal_follows_the_starting_thread),
        cmocka_unit_test(run_feeds_and_collects_more_than_a_pipe_holds),
        cmocka_unit_test(run_survives_a_child_that_does_not_read),
        cmocka_unit_test(run_kills_at_the_deadline),
        cmocka_unit_test(run_does_not_wait_for_grandchildren),
        cmocka_unit_test(no_descriptor_is_left_behind),
        WITH_DIR(programs_are_found_on_the_path),
        WITH_DIR(companions_are_beside_us_or_on_the_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
