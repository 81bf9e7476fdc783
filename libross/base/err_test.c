/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of err.c. */
#include "libross/base/err.h"

#include <errno.h>
#include <string.h>

#include "libross/base/mem.h"
#include "libross/base/test.h"

static void
set_fills_everything(void **state)
{
    struct err err = {.code = 99, .sys_errno = 5};

    (void) state;
    assert_int_equal(err_set(&err, CODE_NOT_FOUND, "image '%s' %d", "a", 7), -CODE_NOT_FOUND);
    assert_int_equal(err.code, CODE_NOT_FOUND);
    assert_int_equal(err.sys_errno, 0);
    assert_string_equal(err.msg, "image 'a' 7");
}

static void
the_code_travels_without_an_err(void **state)
{
    (void) state;
    assert_int_equal(err_set(NULL, CODE_ABORTED, "x"), -CODE_ABORTED);
    assert_int_equal(err_sys(NULL, ENOSPC, "x"), -CODE_RESOURCE_EXHAUSTED);
    assert_int_equal(err_wrap(NULL, -CODE_ABORTED, "x"), -CODE_ABORTED);
}

static void
system_errors_have_a_class(void **state)
{
    static const struct {
        int sys_errno, code;
    } rows[] = {
        {ENOSPC, CODE_RESOURCE_EXHAUSTED},
        {EDQUOT, CODE_RESOURCE_EXHAUSTED},
        {EMFILE, CODE_RESOURCE_EXHAUSTED},
        {ENFILE, CODE_RESOURCE_EXHAUSTED},
        {ENOMEM, CODE_RESOURCE_EXHAUSTED},
        {EPERM, CODE_PERMISSION_DENIED},
        {EACCES, CODE_PERMISSION_DENIED},
        {EROFS, CODE_PERMISSION_DENIED},
        {ECONNREFUSED, CODE_UNAVAILABLE},
        {ECONNRESET, CODE_UNAVAILABLE},
        {EPIPE, CODE_UNAVAILABLE},
        {ETIMEDOUT, CODE_DEADLINE_EXCEEDED},
        {ENOENT, CODE_INTERNAL},
        {EEXIST, CODE_INTERNAL},
        {EIO, CODE_INTERNAL},
        {4000, CODE_INTERNAL},
    };
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(err_sys(&err, rows[i].sys_errno, "open '%s'", "f"), -rows[i].code);
        assert_int_equal(err.code, rows[i].code);
        assert_int_equal(err.sys_errno, rows[i].sys_errno);
    }
    (void) err_sys(&err, EIO, "open '%s'", "f");
    assert_string_equal(err.msg, "open 'f': Input/output error");
}

static void
wrapping_puts_the_cause_last(void **state)
{
    struct err err = {0};
    int r = err_sys(&err, EIO, "read");

    (void) state;
    r = err_wrap(&err, r, "blob %d", 3);
    r = err_wrap(&err, r, "pull");
    assert_int_equal(r, -CODE_INTERNAL);
    assert_int_equal(err.sys_errno, EIO);
    assert_string_equal(err.msg, "pull: blob 3: read: Input/output error");
}

/* Every length around the size of the message. */
static void
long_messages_are_cut_and_say_so(void **state)
{
    char text[ERR_MSG_MAX + 50];
    struct err err;

    (void) state;
    memset(text, 'x', sizeof text);
    for (size_t n = ERR_MSG_MAX - 40; n < sizeof text; n++) {
        text[n] = '\0';
        memset(&err, 0x7f, sizeof err);
        (void) err_set(&err, CODE_INTERNAL, "%s", text);
        assert_int_equal(strlen(err.msg), n < ERR_MSG_MAX ? n : ERR_MSG_MAX - 1);
        assert_int_equal(strcmp(err.msg + strlen(err.msg) - 3, "...") == 0, n >= ERR_MSG_MAX);
        (void) err_sys(&err, EIO, "%s", text);
        assert_true(strlen(err.msg) < ERR_MSG_MAX);
        assert_int_equal(strcmp(err.msg + strlen(err.msg) - 3, "...") == 0, n + 20 >= ERR_MSG_MAX);
        (void) err_set(&err, CODE_INTERNAL, "cause");
        (void) err_wrap(&err, -1, "%s", text);
        assert_true(strlen(err.msg) < ERR_MSG_MAX);
        assert_int_equal(strcmp(err.msg + strlen(err.msg) - 3, "...") == 0, n + 7 >= ERR_MSG_MAX);
        (void) err_set(&err, CODE_INTERNAL, "%s", text);
        (void) err_wrap(&err, -1, "outer");
        assert_true(strncmp(err.msg, "outer: xxx", 10) == 0);
        text[n] = 'x';
    }
}

static void
codes_have_names(void **state)
{
    (void) state;
    assert_string_equal(code_name(CODE_OK), "OK");
    assert_string_equal(code_name(CODE_UNAUTHENTICATED), "Unauthenticated");
    assert_string_equal(code_name(CODE_FAILED_PRECONDITION), "FailedPrecondition");
    assert_string_equal(code_name(-1), "Unknown");
    assert_string_equal(code_name(99), "Unknown");
    for (int c = 0; c <= CODE_MAX; c++)
        assert_true(strlen(code_name(c)) > 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_fills_everything),
        cmocka_unit_test(the_code_travels_without_an_err),
        cmocka_unit_test(system_errors_have_a_class),
        cmocka_unit_test(wrapping_puts_the_cause_last),
        cmocka_unit_test(long_messages_are_cut_and_say_so),
        cmocka_unit_test(codes_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
