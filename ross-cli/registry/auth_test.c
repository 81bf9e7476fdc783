/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <string.h>

#include "libross/base/mem.h"
#include "ross-cli/registry/auth.h"

static void
reads_tokens(void **state)
{
    static const struct {
        const char *body, *token;
        int64_t lifetime;
    } rows[] = {
        {"{\"token\":\"a.b-c\"}", "a.b-c", 60},
        {"{\"access_token\":\"x\",\"expires_in\":300}", "x", 300},
        {"{\"token\":\"\",\"access_token\":\"x\",\"expires_in\":1}", "x", 60},
        {"{\"token\":\"one\",\"access_token\":\"two\",\"expires_in\":99999999}", "one", 86400},
        {"{\"token\":\"one\",\"expires_in\":\"soon\"}", "one", 60},
    };
    (void) state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *token = NULL;
        int64_t lifetime = 0;
        struct err err = {0};
        assert_ok(auth_token_parse(rows[i].body, strlen(rows[i].body), &token, &lifetime, &err),
                  &err);
        assert_string_equal(token, rows[i].token);
        assert_int_equal(lifetime, rows[i].lifetime);
    }
}

static void
refuses_what_is_no_token(void **state)
{
    static const char *const rows[] = {
        "",
        "{}",
        "[]",
        "{\"token\":1}",
        "{\"token\":\"a b\"}",
        "{\"token\":\"a\\r\\nX: y\"}",
        "{\"token\":",
    };
    (void) state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *token = NULL;
        int64_t lifetime = 0;
        struct err err = {0};
        assert_code(auth_token_parse(rows[i], strlen(rows[i]), &token, &lifetime, &err),
                    CODE_INVALID_ARGUMENT, &err);
        assert_null(token);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_tokens),
        cmocka_unit_test(refuses_what_is_no_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
