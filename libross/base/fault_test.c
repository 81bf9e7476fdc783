/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of fault.c, and of tests that walk every fault point. */
#include "libross/base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/base/mem.h"
#include "libross/base/path.h"
#include "libross/base/test.h"

#ifdef ROSS_FAULTS

static void
set(const char *fault)
{
    if (fault)
        (void) setenv("ROSS_FAULT", fault, 1);
    else
        (void) unsetenv("ROSS_FAULT");
    fault_reload();
}

static void
fires_at_the_nth_passing_only(void **state)
{
    static const struct {
        const char *fault;
        int want[5]; /* of a, b, a, b, a */
    } rows[] = {
        {NULL, {0}},
        {"", {0}},
        {"a:1:EIO", {EIO}},
        {"a:3:ENOSPC", {0, 0, 0, 0, ENOSPC}},
        {"b:2:EIO", {0, 0, 0, EIO}},
        {"*:4:EDQUOT", {0, 0, 0, EDQUOT}},
        {"a:4:EIO", {0}},
        {"ab:1:EIO", {0}},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        set(rows[i].fault);
        for (int k = 0; k < 5; k++)
            assert_int_equal(fault_point(k % 2 ? "b" : "a"), rows[i].want[k]);
    }
    set(NULL);
}

/* In a child, as the setting ends the process. */
static int
status_of_child(const char *fault)
{
    int status = 0;
    pid_t pid;

    (void) fflush(NULL);
    pid = fork();
    if (pid == 0) {
        (void) close(STDERR_FILENO);
        set(fault);
        (void) fault_point("a");
        _exit(0);
    }
    (void) waitpid(pid, &status, 0);
    return status;
}

static void
kill_is_sigkill(void **state)
{
    int status = status_of_child("a:1:kill");

    (void) state;
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_int_equal(status_of_child("a:2:kill"), 0);
}

static void
a_setting_that_cannot_fire_ends_the_program(void **state)
{
    static const char *const bad[] = {"a",        "a:1",    "a:0:EIO", "a:x:EIO", "a:-1:EIO",
                                      "a:1:EBAD", ":1:EIO", "a:1:",    "a::EIO"};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int status = status_of_child(bad[i]);

        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
            fail_msg("'%s' was taken", bad[i]);
    }
}

static void
passed_points_are_listed(void **state)
{
    char *dir = test_tmpdir();
    auto_free char *path = path_join(dir, "list"), *text = NULL;
    struct err err = {0};

    (void) state;
    (void) setenv("ROSS_FAULT_LIST", path, 1);
    set(NULL);
    (void) fault_point("one");
    (void) fault_point("two.three");
    (void) fault_point("one");
    (void) unsetenv("ROSS_FAULT_LIST");
    fault_reload();
    (void) fault_point("not this");
    assert_ok(fd_read_file_at(AT_FDCWD, path, 1000, &text, NULL, &err), &err);
    assert_string_equal(text, "one\ntwo.three\none\n");
    test_tmpdir_remove(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_at_the_nth_passing_only),
        cmocka_unit_test(kill_is_sigkill),
        cmocka_unit_test(a_setting_that_cannot_fire_ends_the_program),
        cmocka_unit_test(passed_points_are_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void
a_point_is_nothing_without_faults(void **state)
{
    (void) state;
    (void) setenv("ROSS_FAULT", "a:1:EIO", 1);
    assert_int_equal(FAULT("a"), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_point_is_nothing_without_faults)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
