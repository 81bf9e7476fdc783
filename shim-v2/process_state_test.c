/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <string.h>

#include "process_state.h"

/* One letter a cell, in the order of enum process_op: . fine, U unknown, N not found, F failed precondition. */
static const char *const init_cells[PROCESS_STATES] = {
    "..UU...U.", "..UUU..U.", "UU.U.....", "UUU.U....", "U.UUUNUU.", "UNUUUNUUU",
};
static const char *const exec_cells[PROCESS_STATES] = {
    "..UUUFUU.", "UUUUUUUUU", "UUUUU.UU.", "UUUUUUUUU", "U.UUUNUUU", "UNUUUNUUU",
};

static int
code_of(char c)
{
    switch (c) {
    case '.':
        return 0;
    case 'N':
        return CODE_NOT_FOUND;
    case 'F':
        return CODE_FAILED_PRECONDITION;
    default:
        return CODE_UNKNOWN;
    }
}

static void
every_cell_answers_as_the_reference_says(void **state)
{
    (void) state;
    for (unsigned exec = 0; exec < 2; exec++)
        for (unsigned s = 0; s < PROCESS_STATES; s++)
            for (unsigned op = 0; op < PROCESS_OPS; op++) {
                struct err err = {0};
                int want = code_of((exec ? exec_cells : init_cells)[s][op]);
                int r = process_state_check(exec, s, op, &err);

                if (r != -want || (want && err.msg[0] == '\0'))
                    fail_msg("exec %u state %u op %u: %d, wanted %d", exec, s, op, r, -want);
            }
}

static void
message_names_verb_and_state(void **state)
{
    struct err err = {0};

    (void) state;
    assert_code(process_state_check(false, PROCESS_PAUSED, OP_EXEC, &err), CODE_UNKNOWN, &err);
    assert_string_equal(err.msg, "cannot exec in a paused state");
    assert_code(process_state_check(false, PROCESS_CREATED, OP_RESUME, &err), CODE_UNKNOWN, &err);
    assert_string_equal(err.msg, "cannot resume task in created state");
    assert_code(process_state_check(true, PROCESS_CREATED, OP_KILL, &err), CODE_FAILED_PRECONDITION,
                &err);
    assert_string_equal(err.msg, "process not created: failed precondition");
    assert_code(process_state_check(true, PROCESS_RUNNING, OP_DELETE, &err), CODE_UNKNOWN, &err);
    assert_string_equal(err.msg, "cannot delete a running process");
    assert_string_equal(process_state_name(PROCESS_STOPPED), "stopped");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_answers_as_the_reference_says),
        cmocka_unit_test(message_names_verb_and_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
