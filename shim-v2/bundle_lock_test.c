/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle_lock.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/test.h"

#define FAR_S 600

/* A child that holds the lock until its pipe ends or it is killed. */
struct holder {
    pid_t pid;
    int end_fd;
};

static struct holder
holder_new(const char *bundle)
{
    int ready[2], end[2], fd;
    pid_t pid;
    char c;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_int_equal(pipe2(end, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void) close(end[1]);
        if (bundle_lock(bundle, &fd, NULL) < 0 || write(ready[1], "", 1) != 1)
            _exit(2);
        (void) !read(end[0], &c, 1);
        _exit(3);
    }
    (void) close(end[0]);
    (void) close(ready[1]);
    assert_int_equal(read(ready[0], &c, 1), 1);
    (void) close(ready[0]);
    return (struct holder){.pid = pid, .end_fd = end[1]};
}

/* 128 + signal when it was killed. */
static int
holder_end(struct holder *h)
{
    int status = 0;

    (void) fd_close(h->end_fd);
    assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int64_t
far(void)
{
    return clock_mono_ns() + FAR_S * NS_PER_S;
}

static void
only_one_has_it(void **state)
{
    struct holder h = holder_new(*state);
    struct err err = {0};
    int fd = -1;

    assert_code(bundle_lock(*state, &fd, &err), CODE_UNAVAILABLE, &err);
    assert_int_equal(holder_end(&h), 3);
    err = (struct err){0};
    assert_ok(bundle_lock(*state, &fd, &err), &err);
    (void) close(fd);
    h = holder_new(*state);
    assert_int_equal(holder_end(&h), 3);
}

static void
waits_until_the_holder_has_ended(void **state)
{
    struct bundle_lock_wait how = {.limit_ns = far()};
    struct holder h = holder_new(*state);
    struct err err = {0};
    int fd = -1;

    (void) fd_close(h.end_fd);
    h.end_fd = -1;
    assert_ok(bundle_lock_wait(*state, &how, &fd, &err), &err);
    (void) close(fd);
    assert_int_equal(holder_end(&h), 3);
}

static void
gives_up_and_leaves_the_holder_alone(void **state)
{
    struct bundle_lock_wait how = {.limit_ns = clock_mono_ns()};
    struct holder h = holder_new(*state);
    struct err err = {0};
    int fd = -1;

    assert_code(bundle_lock_wait(*state, &how, &fd, &err), CODE_DEADLINE_EXCEEDED, &err);
    assert_int_equal(holder_end(&h), 3);
}

static void
kills_a_holder_that_does_not_let_go(void **state)
{
    struct bundle_lock_wait how = {.limit_ns = far(), .end_holder = true};
    struct holder h = holder_new(*state);
    struct err err = {0};
    int fd = -1;

    assert_ok(bundle_lock_wait(*state, &how, &fd, &err), &err);
    (void) close(fd);
    assert_int_equal(holder_end(&h), 128 + SIGKILL);
}

static void
needs_a_bundle(void **state)
{
    struct err err = {0};
    int fd = -1;

    (void) state;
    assert_code(bundle_lock("/nowhere/at/all", &fd, &err), CODE_INTERNAL, &err);
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_one_has_it, setup, teardown),
        cmocka_unit_test_setup_teardown(waits_until_the_holder_has_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(gives_up_and_leaves_the_holder_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(kills_a_holder_that_does_not_let_go, setup, teardown),
        cmocka_unit_test(needs_a_bundle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
