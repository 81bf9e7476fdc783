/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <string.h>

#include "libross/base/mem.h"
#include "ross-cli/registry/answer.h"

static void
finds_the_message(void **state)
{
    static const struct {
        const char *body, *want;
    } rows[] = {
        {"{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest unknown\"}]}",
         "manifest unknown"},
        {"{\"errors\":[{\"code\":\"DENIED\",\"message\":\"\"}]}", "DENIED"},
        {"{\"errors\":[]}", ""},
        {"{\"details\":\"incorrect username or password\"}", "incorrect username or password"},
        {"{\"error\":\"invalid_grant\",\"error_description\":\"no such user\"}", "no such user"},
        {"{\"error\":\"invalid_grant\"}", "invalid_grant"},
        {"{\"message\":\"slow down\\nplease\"}", "slow down please"},
        {"404 page not found\n", "404 page not found"},
        {"<html><body>no</body></html>", ""},
        {"\x1b[31mred\x1b[0m", "[31mred [0m"},
        {"[1,2]", ""},
        {"", ""},
    };
    char buf[ANSWER_TEXT_MAX];
    (void) state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(answer_text(rows[i].body, strlen(rows[i].body), buf), rows[i].want);
}

static void
cuts_long_messages_at_a_character(void **state)
{
    char body[600], buf[ANSWER_TEXT_MAX];
    (void) state;

    for (size_t i = 0; i < 300; i++)
        memcpy(body + 2 * i, "\xc3\xa9", 2);
    answer_text(body, sizeof body, buf);
    assert_true(strlen(buf) < ANSWER_TEXT_MAX);
    assert_int_equal(strlen(buf) % 2, 0);
}

static void
maps_status(void **state)
{
    static const struct {
        int status;
        int code, temporary;
    } rows[] = {
        {401, CODE_UNAUTHENTICATED, 0},     {403, CODE_PERMISSION_DENIED, 0},
        {404, CODE_NOT_FOUND, 0},           {429, CODE_RESOURCE_EXHAUSTED, 1},
        {500, CODE_UNAVAILABLE, 1},         {501, CODE_UNIMPLEMENTED, 0},
        {503, CODE_UNAVAILABLE, 1},         {599, CODE_UNAVAILABLE, 1},
        {418, CODE_FAILED_PRECONDITION, 0}, {302, CODE_UNKNOWN, 0},
    };
    char buf[64];
    (void) state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(answer_code(rows[i].status), rows[i].code);
        assert_int_equal(answer_is_temporary(rows[i].status), rows[i].temporary);
    }
    assert_string_equal(answer_status_text(429, buf), "429 Too Many Requests");
    assert_string_equal(answer_status_text(418, buf), "418");
}

static void
reads_retry_after(void **state)
{
    (void) state;

    assert_int_equal(answer_retry_after_ms(NULL, 0), -1);
    assert_int_equal(answer_retry_after_ms("", 0), -1);
    assert_int_equal(answer_retry_after_ms("soon", 0), -1);
    assert_int_equal(answer_retry_after_ms("-1", 0), -1);
    assert_int_equal(answer_retry_after_ms("3", 0), 3000);
    assert_int_equal(answer_retry_after_ms("99999999", 0), 86400000);
    assert_int_equal(answer_retry_after_ms("Thu, 01 Jan 1970 00:01:00 GMT", 50), 10000);
    assert_int_equal(answer_retry_after_ms("Thu, 01 Jan 1970 00:01:00 GMT", 70), 0);
    assert_int_equal(answer_retry_after_ms("Thu, 01 Jan 1970 00:01:00 GMT trailing", 0), -1);
}

static void
finds_the_next_page(void **state)
{
    static const struct {
        const char *header, *want;
    } rows[] = {
        {"</v2/a/tags/list?last=b&n=2>; rel=\"next\"", "/v2/a/tags/list?last=b&n=2"},
        {"<?last=b>;rel=next", "?last=b"},
        {"<http://h/x>; title=\"a, <b>; rel=next\"; REL=\"prev NEXT\"", "http://h/x"},
        {"</p>; rel=\"prev\", </n>; rel=\"next\"", "/n"},
        {"</p>; rel=\"prev\",, \t</n>;x;y=;rel=\"first next\"", "/n"},
        {"<>; rel=next", ""},
        {"</p>; rel=\"prev\"", NULL},
        {"</p>; rel=\"nextish\"; x=next", NULL},
        {"</p>; title=\"rel=next\"", NULL},
        {"</p>", NULL},
        {"</p", NULL},
        {"/p; rel=next", NULL},
        {"</p>; rel=\"ne", NULL},
        {"", NULL},
        {NULL, NULL},
    };
    (void) state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *got = answer_next_link(rows[i].header);
        if (rows[i].want)
            assert_string_equal(got, rows[i].want);
        else
            assert_null(got);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_message),   cmocka_unit_test(cuts_long_messages_at_a_character),
        cmocka_unit_test(maps_status),         cmocka_unit_test(reads_retry_after),
        cmocka_unit_test(finds_the_next_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
