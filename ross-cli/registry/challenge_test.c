/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <string.h>

#include "libross/base/mem.h"
#include "ross-cli/registry/challenge.h"

static void
assert_str(const char *got, const char *want)
{
    if (!want)
        assert_null(got);
    else {
        assert_non_null(got);
        assert_string_equal(got, want);
    }
}

static void
reads_challenges(void **state)
{
    static const struct {
        const char *value;
        enum challenge_scheme scheme;
        const char *realm, *service, *scope;
    } rows[] = {
        {"Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\","
         "scope=\"repository:library/alpine:pull\"",
         CHALLENGE_BEARER, "https://auth.docker.io/token", "registry.docker.io",
         "repository:library/alpine:pull"},
        {"Basic realm=\"x\"", CHALLENGE_BASIC, "x", NULL, NULL},
        {"Basic", CHALLENGE_BASIC, NULL, NULL, NULL},
        {"basic REALM=\"a \\\"quoted\\\" one\"", CHALLENGE_BASIC, "a \"quoted\" one", NULL, NULL},
        {"Basic realm=a, Bearer realm=b,service=c", CHALLENGE_BEARER, "b", "c", NULL},
        {"Bearer realm=\"b\" , Basic realm=\"a\"", CHALLENGE_BEARER, "b", NULL, NULL},
        {"Negotiate, Basic realm=\"r\"", CHALLENGE_BASIC, "r", NULL, NULL},
        {"Negotiate dG9r/+==, Basic realm=\"r\"", CHALLENGE_BASIC, "r", NULL, NULL},
        {"Digest realm=\"r\", nonce=\"n\"", CHALLENGE_NONE, NULL, NULL, NULL},
        {"Bearer realm = \"https://h/t\" , scope = \"a b\"", CHALLENGE_BEARER, "https://h/t", NULL,
         "a b"},
        {"Bearer realm=https://h:5/t?a=b,service=s", CHALLENGE_BEARER, "https://h:5/t?a=b", "s",
         NULL},
        {"Bearer realm=\"first\",realm=\"second\"", CHALLENGE_BEARER, "first", NULL, NULL},
        {"", CHALLENGE_NONE, NULL, NULL, NULL},
        {" , ,", CHALLENGE_NONE, NULL, NULL, NULL},
    };
    (void) state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct challenge c;
        struct err err = {0};
        assert_ok(challenge_parse(rows[i].value, &c, &err), &err);
        assert_int_equal(c.scheme, rows[i].scheme);
        if (c.scheme != CHALLENGE_NONE) {
            assert_str(c.realm, rows[i].realm);
            assert_str(c.service, rows[i].service);
            assert_str(c.scope, rows[i].scope);
        }
        challenge_done(&c);
    }
}

static void
refuses_malformed_challenges(void **state)
{
    static const char *const rows[] = {
        "Bearer realm=\"open", "Bearer service=\"no realm\"", "Bearer", "Bearer realm=", "=x",
        "\"Bearer\"",          "Bearer realm=\"a\" \"b\"",
    };
    (void) state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct challenge c = {0};
        struct err err = {0};
        assert_code(challenge_parse(rows[i], &c, &err), CODE_INVALID_ARGUMENT, &err);
    }
    char *big = xmalloc(CHALLENGE_HEADER_MAX + 2);
    struct challenge c = {0};
    struct err err = {0};
    memset(big, 'a', CHALLENGE_HEADER_MAX + 1);
    big[CHALLENGE_HEADER_MAX + 1] = '\0';
    assert_code(challenge_parse(big, &c, &err), CODE_INVALID_ARGUMENT, &err);
    free(big);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_challenges),
        cmocka_unit_test(refuses_malformed_challenges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
