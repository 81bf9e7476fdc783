/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <string.h>

#include "libross/base/mem.h"
#include "runc_log.h"

static void
last_error_line_counts(void **state)
{
    static const struct {
        const char *log, *want;
    } rows[] = {
        {"{\"level\":\"error\",\"msg\":\" exec: \\\"nope\\\": executable file not found in $PATH "
         "\\n\","
         "\"time\":\"2026-01-01T00:00:00Z\"}\n",
         "exec: \"nope\": executable file not found in $PATH"},
        {"{\"level\":\"error\",\"msg\":\"one\"}\n{\"level\":\"error\",\"msg\":\"two\"}\n"
         "{\"level\":\"warning\",\"msg\":\"three\"}\n",
         "two"},
        {"{\"msg\":\"from crun\",\"level\":\"error\",\"time\":\"x\",\"extra\":1}", "from crun"},
        {"{\"level\":\"error\",\"msg\":\"kept\"}\nnot json\n{\"level\":\"error\"}\n", "kept"},
        {"{\"level\":\"fatal\",\"msg\":\"worse\"}\n\n\n", "worse"},
        {"{\"level\":\"info\",\"msg\":\"fine\"}\n", NULL},
        {"\n\n", NULL},
        {"", NULL},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *got = runc_log_last_error(rows[i].log, strlen(rows[i].log));

        if (rows[i].want)
            assert_string_equal(got, rows[i].want);
        else
            assert_null(got);
    }
}

static void
missing_log_says_nothing(void **state)
{
    (void) state;
    assert_null(runc_log_error_since("/nonexistent/log.json", 0));
    assert_int_equal(runc_log_size("/nonexistent/log.json"), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_error_line_counts),
        cmocka_unit_test(missing_log_says_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
