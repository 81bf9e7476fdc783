/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/json/json.h"

#include <string.h>

#include "libross/base/test.h"

static struct json *
parsed(const char *text)
{
    struct json *v = NULL;
    struct err err = {0};

    assert_ok(json_parse(text, strlen(text), &v, &err), &err);
    return v;
}

static void
refuses_what_is_not_strict_json(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "line 1"},
        {"{", "line 1"},
        {"{}\n{}", "line 2"},
        {"{\"a\":1,\"a\":2}", "duplicate"},
        {"{'a':1}", "line 1"},
        {"[1,]", "line 1"},
        {"[\"\xff\"]", "decode byte"},
        {"[\"\\u0000\"]", "NUL"},
        {"[99999999999999999999]", "too big"},
        {"// x\n{}", "line 1"},
    };
    struct json *v = NULL;
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_code(json_parse(rows[i].text, strlen(rows[i].text), &v, &err), CODE_INVALID_ARGUMENT,
                    &err);
        if (!strstr(err.msg, rows[i].says))
            fail_msg("row %zu: %s", i, err.msg);
    }
    assert_null(v);
}

static void
nesting_is_limited(void **state)
{
    char text[4 * JSON_DEPTH_MAX];
    struct json *v = NULL;
    struct err err = {0};

    (void) state;
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    assert_ok(json_parse(text, 2 * JSON_DEPTH_MAX, &v, &err), &err);
    json_free(v);
    memset(text, '[', JSON_DEPTH_MAX + 1);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    assert_code(json_parse(text, 2 * JSON_DEPTH_MAX + 2, &v, &err), CODE_INVALID_ARGUMENT, &err);
    assert_non_null(strstr(err.msg, "deeper"));
    /* brackets inside a string do not nest */
    text[0] = '"';
    memset(text + 1, '[', sizeof text - 2);
    text[sizeof text - 1] = '"';
    assert_ok(json_parse(text, sizeof text, &v, &err), &err);
    json_free(v);
}

static void
looks_without_checking_first(void **state)
{
    AUTO_PTR(json)
    v = parsed("{\"s\":\"x\",\"n\":null,\"i\":-7,\"t\":true,\"r\":1.5,\"a\":[1,null],\"o\":{}}");
    int64_t i = 0;

    (void) state;
    assert_string_equal(json_str(json_find(v, "s")), "x");
    assert_null(json_find(v, "n"));
    assert_null(json_find(v, "missing"));
    assert_null(json_find(json_find(v, "s"), "x"));
    assert_null(json_find(NULL, "x"));
    assert_null(json_str(json_find(v, "i")));
    assert_true(json_int(json_find(v, "i"), &i));
    assert_int_equal(i, -7);
    assert_false(json_int(json_find(v, "r"), &i));
    assert_false(json_int(json_find(v, "s"), &i));
    assert_false(json_int(NULL, &i));
    assert_true(json_is_true(json_find(v, "t")));
    assert_false(json_is_true(json_find(v, "i")));
    assert_false(json_is_true(NULL));
    assert_int_equal(json_len(json_find(v, "a")), 2);
    assert_null(json_at(json_find(v, "a"), 1));
    assert_null(json_at(json_find(v, "a"), 2));
    assert_null(json_at(v, 0));
    assert_int_equal(json_len(v), 7);
    assert_int_equal(json_len(NULL), 0);
    assert_int_equal(json_len(json_find(v, "s")), 0);
    assert_true(json_is_object(json_find(v, "o")));
    assert_true(json_is_array(json_find(v, "a")));
}

static void
iterates_in_document_order(void **state)
{
    AUTO_PTR(json) v = parsed("{\"z\":1,\"a\":null,\"m\":3}");
    static const char *const want[] = {"z", "a", "m"};
    struct json *value;
    const char *key;
    void *i = NULL;
    size_t n = 0;

    (void) state;
    while (json_next(v, &i, &key, &value)) {
        assert_string_equal(key, want[n]);
        assert_int_equal(value == NULL, n == 1);
        n++;
    }
    assert_int_equal(n, 3);
    i = NULL;
    assert_false(json_next(json_find(v, "z"), &i, &key, &value));
    i = NULL;
    assert_false(json_next(NULL, &i, &key, &value));
}

struct thing {
    char *name;
    int64_t size;
    bool on;
    struct strv list;
    struct labels map;
};

static const struct json_field thing_fields[] = {
    {"name", JSON_T_STR, offsetof(struct thing, name), true},
    {"size", JSON_T_INT, offsetof(struct thing, size), false},
    {"on", JSON_T_BOOL, offsetof(struct thing, on), false},
    {"list", JSON_T_STRV, offsetof(struct thing, list), false},
    {"map", JSON_T_LABELS, offsetof(struct thing, map), false},
};

static void
thing_done(struct thing *t)
{
    free(t->name);
    strv_done(&t->list);
    labels_done(&t->map);
}

static void
reads_fields_by_table(void **state)
{
    AUTO_PTR(json)
    v = parsed("{\"new\":{},\"name\":\"n\",\"size\":5,\"on\":true,\"list\":[\"a\",\"\"],"
               "\"map\":{\"k\":\"v\",\"e\":\"\"}}");
    AUTO(thing) t = {0};
    struct err err = {0};

    (void) state;
    assert_ok(json_read_fields(v, thing_fields, ARRAY_LEN(thing_fields), &t, "thing", &err), &err);
    assert_string_equal(t.name, "n");
    assert_int_equal(t.size, 5);
    assert_true(t.on);
    assert_int_equal(t.list.n, 2);
    assert_string_equal(labels_find(&t.map, "e"), "");
}

static void
wrong_fields_are_named(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"[]", "thing is not a JSON object"},
        {"{}", "thing.name is missing"},
        {"{\"name\":null}", "thing.name is missing"},
        {"{\"name\":1}", "thing.name is not a string"},
        {"{\"name\":\"n\",\"size\":\"5\"}", "thing.size is not an integer"},
        {"{\"name\":\"n\",\"size\":5.0}", "thing.size is not an integer"},
        {"{\"name\":\"n\",\"on\":1}", "thing.on is not true or false"},
        {"{\"name\":\"n\",\"list\":\"x\"}", "thing.list is not a list of strings"},
        {"{\"name\":\"n\",\"list\":[\"a\",null]}", "thing.list is not a list of strings"},
        {"{\"name\":\"n\",\"map\":{\"a\":1}}", "thing.map is not a map of strings"},
        {"{\"name\":\"n\",\"map\":[]}", "thing.map is not a map of strings"},
    };
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_PTR(json) v = parsed(rows[i].text);
        AUTO(thing) t = {0};

        assert_code(json_read_fields(v, thing_fields, ARRAY_LEN(thing_fields), &t, "thing", &err),
                    CODE_INVALID_ARGUMENT, &err);
        assert_string_equal(err.msg, rows[i].says);
    }
}

static void
builds_and_dumps_in_order(void **state)
{
    AUTO_PTR(json) o = json_new_object();
    AUTO(strv) list = {0};
    AUTO(labels) map = {0};
    auto_free char *text = NULL, *pretty = NULL;
    struct json *copy;
    size_t n;

    (void) state;
    strv_add(&list, "x/y");
    labels_set_raw(&map, "k", "");
    json_set(o, "z", json_new_int(1));
    json_set(o, "a", json_new_bool(false));
    json_set(o, "l", json_new_strv(&list));
    json_set(o, "m", json_new_labels(&map));
    json_set(o, "n", json_new_null());
    json_set(o, "s", json_new_str("\xc3\xbc<>&\"\n"));
    json_set(o, "z", json_new_int(2));
    json_del(o, "a");
    json_del(o, "absent");
    copy = json_clone(o);
    json_push(json_find(o, "l"), json_new_str("more"));
    text = json_dump(copy, &n);
    assert_string_equal(
        text,
        "{\"z\":2,\"l\":[\"x/y\"],\"m\":{\"k\":\"\"},\"n\":null,\"s\":\"\xc3\xbc<>&\\\"\\n\"}");
    assert_int_equal(n, strlen(text));
    json_free(copy);
    pretty = json_dump_pretty(o);
    assert_non_null(strstr(pretty, "\n    \"z\": 2,\n"));
}

/* Command line words need not be UTF-8. */
static void
bytes_that_are_no_utf8_are_replaced(void **state)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"a\xff"
         "b",
         "\"a\xef\xbf\xbd"
         "b\""},
        {"\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xf0\x9f\x90\x8b\xe2\x82", "\"\xf0\x9f\x90\x8b\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_PTR(json) v = json_new_str(rows[i].in);
        auto_free char *text = json_dump(v, NULL);

        assert_string_equal(text, rows[i].want);
    }
    {
        AUTO_PTR(json) o = json_new_object();
        auto_free char *text = NULL;

        json_set(o, "k\xff", json_new_int(1));
        text = json_dump(o, NULL);
        assert_string_equal(text, "{\"k\xef\xbf\xbd\":1}");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_not_strict_json),
        cmocka_unit_test(nesting_is_limited),
        cmocka_unit_test(looks_without_checking_first),
        cmocka_unit_test(iterates_in_document_order),
        cmocka_unit_test(reads_fields_by_table),
        cmocka_unit_test(wrong_fields_are_named),
        cmocka_unit_test(builds_and_dumps_in_order),
        cmocka_unit_test(bytes_that_are_no_utf8_are_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
