/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of command_fault.h: what the runtimes say, word by word. */
#include "command_fault.h"

#include "libross/base/mem.h"
#include "libross/base/test.h"

static void
words_of_the_runtimes_become_a_shells_exit_codes(void **state)
{
    static const struct {
        const char *text;
        int status;
    } rows[] = {
        {"runc create failed: unable to start container process: exec: \"x\": executable file not "
         "found in $PATH",
         127},
        {"unable to start container process: exec: \"/x\": stat /x: no such file or directory",
         127},
        {"exec: \"/etc\": is a directory", 126},
        {"unable to start container process: exec: \"/etc/passwd\": permission denied", 126},
        {"exec /bin/x: exec format error", 126},
        {"executable file `x` not found in $PATH: No such file or directory", 127},
        {"executable file `x` not found: No such file or directory", 127},
        {"open executable: Permission denied", 126},
        {"the path `/etc` is not a regular file: Operation not permitted", 126},
        {"the path `/etc/passwd` exists but it is not executable: Operation not permitted", 126},
        {"cannot join the cgroup: Device or resource busy", 0},
        {"", 0},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (command_fault(rows[i].text) != rows[i].status)
            print_error("%s\n", rows[i].text);
        assert_int_equal(command_fault(rows[i].text), rows[i].status);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_the_runtimes_become_a_shells_exit_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
