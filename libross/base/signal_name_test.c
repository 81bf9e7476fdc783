/* SPDX-License-Identifier: Apache-2.0 */
#include "signal_name.h"

#include <signal.h>

#include "libross/base/mem.h"
#include "libross/base/test.h"

static void
names(void **state)
{
    const struct {
        const char *text;
        int signo; /* 0 = refused */
    } rows[] = {
        {"TERM", SIGTERM},
        {"SIGTERM", SIGTERM},
        {"sigkill", SIGKILL},
        {"9", 9},
        {"usr1", SIGUSR1},
        {"RTMIN+3", SIGRTMIN + 3},
        {"RTMAX", SIGRTMAX},
        {"0", 0},
        {"65", 0},
        {"", 0},
        {"SIG", 0},
        {"TERMINATE", 0},
        {"-9", 0},
        {"RTMIN+99", 0},
        {"RTMAX-1", SIGRTMAX - 1},
    };
    struct err err;
    int signo, r;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        err = (struct err){0};
        r = signal_name_parse(rows[i].text, &signo, &err);
        assert_int_equal(r, rows[i].signo ? 0 : -CODE_INVALID_ARGUMENT);
        if (rows[i].signo)
            assert_int_equal(signo, rows[i].signo);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
