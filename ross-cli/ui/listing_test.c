/* SPDX-License-Identifier: Apache-2.0 */
#include "listing.h"

#include <string.h>

#include "libross/base/clock.h"
#include "libross/base/test.h"

static void
formats_sizes_and_durations(void **state)
{
    static const struct {
        int64_t bytes;
        const char *text;
    } sizes[] = {
        {0, "0B"},          {999, "999B"},        {1000, "1.00kB"},
        {1234, "1.23kB"},   {12345, "12.3kB"},    {123456, "123kB"},
        {999999, "1.00MB"}, {50000000, "50.0MB"}, {INT64_C(2500000000), "2.50GB"},
    };
    static const struct {
        int64_t seconds;
        const char *text;
    } times[] = {
        {0, "less than a second"}, {1, "1 second"},   {59, "59 seconds"},    {60, "1 minute"},
        {3600, "60 minutes"},      {7200, "2 hours"}, {86400 * 3, "3 days"},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        auto_free char *text = size_format(sizes[i].bytes);
        assert_string_equal(text, sizes[i].text);
    }
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        auto_free char *text = duration_format(times[i].seconds * NS_PER_S);
        assert_string_equal(text, times[i].text);
    }
}

static char *
print(const char *format, int *ret_code)
{
    static const struct listing_column columns[] = {{"NAME", "name", NULL},
                                                    {"SIZE", "size", listing_show_size}};
    AUTO_PTR(json) rows = json_new_array();
    struct json *row = json_new_object();
    struct err err = {0};
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);

    json_set(row, "name", json_new_str("one"));
    json_set(row, "size", json_new_int(2000));
    json_push(rows, row);
    *ret_code = listing_print(to, columns, ARRAY_LEN(columns), rows, format, &err);
    (void) fclose(to);
    return text;
}

static void
prints_the_same_rows_in_every_format(void **state)
{
    static const struct {
        const char *format, *want;
    } rows[] = {
        {"jsonl", "{\"name\":\"one\",\"size\":2000}\n"},
        {"{{.name}} has {{.size}}", "one has 2000\n"},
        {"{{ .name }}", "one\n"},
        {"table {{.name}}\\t{{.Size}} bytes\t{{.name}}",
         "NAME  SIZE        NAME\none   2000 bytes  one\n"},
    };
    int r;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *text = print(rows[i].format, &r);
        assert_int_equal(r, 0);
        assert_string_equal(text, rows[i].want);
    }
    auto_free char *table = print(NULL, &r);
    assert_non_null(strstr(table, "NAME"));
    assert_non_null(strstr(table, "2.00kB"));
}

static void
refuses_unknown_formats_and_fields(void **state)
{
    static const char *const rows[] = {"xml", "{{.nosuch}}", "{{.name"};
    int r;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *text = print(rows[i], &r);
        assert_int_equal(r, -CODE_INVALID_ARGUMENT);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_sizes_and_durations),
        cmocka_unit_test(prints_the_same_rows_in_every_format),
        cmocka_unit_test(refuses_unknown_formats_and_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
