/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reaper.h"

struct seen {
    int calls, status;
    int64_t at_ns;
};

static void
on_end(void *arg, int status, int64_t at_ns)
{
    struct seen *s = arg;

    s->calls++;
    s->status = status;
    s->at_ns = at_ns;
}

static pid_t
child(int code)
{
    pid_t pid = fork();

    if (pid == 0) {
        if (code < 0)
            pause();
        _exit(code);
    }
    return pid;
}

static struct loop *loop;
static struct reaper *reaper;

static void
exit_codes_and_signals_are_told(void **state)
{
    struct reaper_child *c;
    struct seen a = {0}, b = {0};
    struct err err = {0};

    (void) state;
    assert_ok(reaper_watch(reaper, child(7), -1, on_end, &a, &c, &err), &err);
    assert_ok(reaper_watch(reaper, child(-1), -1, on_end, &b, &c, &err), &err);
    assert_int_equal(reaper_kill(c, SIGKILL), 0);
    while (!a.calls || !b.calls)
        loop_turn(loop, 5000);
    assert_int_equal(a.status, 7);
    assert_true(a.at_ns > 0);
    assert_int_equal(b.status, 128 + SIGKILL);
    assert_int_equal(a.calls + b.calls, 2);
}

static void
exit_before_the_watch_is_not_lost(void **state)
{
    struct reaper_child *c;
    struct seen s = {0};
    struct err err = {0};
    siginfo_t si;
    pid_t pid;

    (void) state;
    reaper_hold(reaper);
    pid = child(3);
    assert_int_equal(waitid(P_PID, (id_t) pid, &si, WEXITED | WNOWAIT), 0);
    loop_turn(loop, 0); /* SIGCHLD comes, and must leave it alone */
    assert_ok(reaper_watch(reaper, pid, -1, on_end, &s, &c, &err), &err);
    while (!s.calls)
        loop_turn(loop, 5000);
    assert_int_equal(s.status, 3);
    reaper_release(reaper);
    loop_turn(loop, 0);
}

static void
strangers_are_reaped_when_nobody_may_want_them(void **state)
{
    pid_t pid;

    (void) state;
    reaper_hold(reaper);
    pid = child(0);
    reaper_release(reaper);
    while (kill(pid, 0) == 0)
        loop_turn(loop, 5000);
    assert_int_equal(errno, ESRCH);
}

static void
foreign_pid_is_not_watched(void **state)
{
    struct reaper_child *c;
    struct err err = {0};

    (void) state;
    assert_code(reaper_watch(reaper, 1, -1, on_end, NULL, &c, &err), CODE_NOT_FOUND, &err);
}

static void
ignored_child_is_still_reaped(void **state)
{
    struct reaper_child *c;
    struct seen s = {0};
    struct err err = {0};
    pid_t pid = child(-1);

    (void) state;
    assert_ok(reaper_watch(reaper, pid, -1, on_end, &s, &c, &err), &err);
    reaper_ignore(c);
    (void) kill(pid, SIGKILL);
    while (kill(pid, 0) == 0)
        loop_turn(loop, 5000);
    assert_int_equal(s.calls, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_codes_and_signals_are_told),
        cmocka_unit_test(exit_before_the_watch_is_not_lost),
        cmocka_unit_test(strangers_are_reaped_when_nobody_may_want_them),
        cmocka_unit_test(foreign_pid_is_not_watched),
        cmocka_unit_test(ignored_child_is_still_reaped),
    };
    struct err err = {0};
    int failed;

    if (loop_new(&loop, &err) < 0 || reaper_new(loop, &reaper, &err) < 0)
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    reaper_free(reaper);
    loop_free(loop);
    return failed;
}
