/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base64.c. */
#include "libross/base/base64.h"

#include <string.h>

#include "libross/base/mem.h"
#include "libross/base/test.h"

static void
base64_both_ways(void **state)
{
    static const struct {
        const char *plain, *coded;
    } rows[] = {
        {"", ""}, {"a", "YQ=="}, {"ab", "YWI="}, {"abc", "YWJj"}, {"me:secret", "bWU6c2VjcmV0"}};
    static const char *const bad[] = {
        "YQ", "YQ=", "Y===", "====", "Y Q=", "YQ==YQ==", "\xff\xff\xff\xff"};
    (void) state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n = 0;
        auto_free char *coded = base64_encode(rows[i].plain, strlen(rows[i].plain));
        auto_free char *plain = base64_decode(rows[i].coded, &n);
        assert_string_equal(coded, rows[i].coded);
        assert_non_null(plain);
        assert_string_equal(plain, rows[i].plain);
        assert_int_equal(n, strlen(rows[i].plain));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        size_t n;
        assert_null(base64_decode(bad[i], &n));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_both_ways),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
