/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/pull/lease_owner.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libross/base/test.h"

static void
a_process_that_runs_is_there(void **state)
{
    AUTO(labels) l = {0};

    (void) state;
    lease_owner_set(&l);
    assert_false(lease_owner_is_gone(&l));
}

/* The label of a child that has ended. */
static void
one_that_has_ended_is_gone(void **state)
{
    AUTO(labels) l = {0};
    char text[512] = {0};
    int pipe_fds[2];
    pid_t pid;

    (void) state;
    assert_int_equal(pipe(pipe_fds), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        AUTO(labels) mine = {0};
        const char *value;

        lease_owner_set(&mine);
        value = labels_find(&mine, LABEL_LEASE_OWNER);
        _exit(write(pipe_fds[1], value, strlen(value)) < 0);
    }
    (void) close(pipe_fds[1]);
    assert_true(read(pipe_fds[0], text, sizeof text - 1) > 0);
    (void) close(pipe_fds[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    labels_set(&l, LABEL_LEASE_OWNER, text);
    assert_true(lease_owner_is_gone(&l));
}

static void
of_others_nothing_is_known(void **state)
{
    static const char *const rows[] = {"", "x", "a b c", "a b c d e", " pid:[1] 1 1"};
    AUTO(labels) none = {0};

    (void) state;
    assert_false(lease_owner_is_gone(&none));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(labels) l = {0};

        labels_set(&l, LABEL_LEASE_OWNER, rows[i]);
        assert_false(lease_owner_is_gone(&l));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_that_runs_is_there),
        cmocka_unit_test(one_that_has_ended_is_gone),
        cmocka_unit_test(of_others_nothing_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
