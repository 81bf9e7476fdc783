/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <string.h>

#include "libross/logfile/log_uri.h"

static void
schemes_and_paths(void **state)
{
    static const struct {
        const char *uri;
        enum log_scheme scheme;
        const char *path;
    } rows[] = {
        {"", LOG_NULL, ""},
        {"/run/fifo/x-stdout", LOG_PATH, "/run/fifo/x-stdout"},
        {"/odd://name", LOG_PATH, "/odd://name"},
        {"fifo:///run/x", LOG_PATH, "/run/x"},
        {"file:///var/log/a%20b", LOG_FILE, "/var/log/a b"},
        {"binary:///usr/bin/logger?id=1", LOG_BINARY, "/usr/bin/logger"},
        {"binary-v2:///l", LOG_BINARY_2, "/l"},
        {"ross-log:///var/log/c.log?format=cri&max-size=10m", LOG_ROSS, "/var/log/c.log"},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct log_uri u;
        struct err err = {0};

        assert_ok(log_uri_parse(rows[i].uri, &u, &err), &err);
        assert_int_equal(u.scheme, rows[i].scheme);
        assert_string_equal(u.path, rows[i].path);
        log_uri_done(&u);
    }
}

static void
query_keeps_order_and_empty_values(void **state)
{
    struct log_uri u;
    struct err err = {0};

    (void) state;
    assert_ok(log_uri_parse("binary:///l?b=2&a=%31+x&flag&c=#frag", &u, &err), &err);
    assert_int_equal(u.query.n, 8);
    assert_string_equal(u.query.items[0], "b");
    assert_string_equal(log_uri_find(&u, "a"), "1 x");
    assert_string_equal(log_uri_find(&u, "flag"), "");
    assert_null(log_uri_find(&u, "zzz"));
    log_uri_done(&u);
}

static void
refuses_what_it_does_not_understand(void **state)
{
    static const struct {
        const char *uri;
        int code;
    } rows[] = {
        {"http://x/", CODE_UNKNOWN},
        {"://x", CODE_UNKNOWN},
        {"file://relative", CODE_INVALID_ARGUMENT},
        {"file:///a%2", CODE_INVALID_ARGUMENT},
        {"file:///a%zz", CODE_INVALID_ARGUMENT},
        {"file:///a%00", CODE_INVALID_ARGUMENT},
        {"binary:///a?x=%", CODE_INVALID_ARGUMENT},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct log_uri u;
        struct err err = {0};

        assert_code(log_uri_parse(rows[i].uri, &u, &err), rows[i].code, &err);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schemes_and_paths),
        cmocka_unit_test(query_keeps_order_and_empty_values),
        cmocka_unit_test(refuses_what_it_does_not_understand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
