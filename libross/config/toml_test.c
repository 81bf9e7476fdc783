/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/config/toml.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "libross/base/mem.h"
#include "libross/base/test.h"

/* A tree as one line: {key:value,…} with strings quoted, to compare with. */
static void
show(FILE *to, const struct toml *v)
{
    bool table = toml_type(v) == TOML_TABLE, b;
    int64_t n;
    double f;

    switch (toml_type(v)) {
    case TOML_ARRAY:
    case TOML_TABLE:
        (void) fputc(table ? '{' : '[', to);
        for (size_t i = 0; i < toml_len(v); i++) {
            if (i)
                (void) fputc(',', to);
            if (table)
                (void) fprintf(to, "%s:", toml_key(toml_at(v, i)));
            show(to, toml_at(v, i));
        }
        (void) fputc(table ? '}' : ']', to);
        break;
    case TOML_STR:
        (void) fprintf(to, "\"%s\"", toml_str(v));
        break;
    case TOML_DATE:
        (void) fprintf(to, "@%s", toml_date(v));
        break;
    case TOML_INT:
        assert_true(toml_int(v, &n));
        (void) fprintf(to, "%" PRId64, n);
        break;
    case TOML_FLOAT:
        assert_true(toml_float(v, &f));
        (void) fprintf(to, "%gf", f);
        break;
    case TOML_BOOL:
        assert_true(toml_bool(v, &b));
        (void) fputs(b ? "yes" : "no", to);
        break;
    }
}

static char *
shown(const struct toml *v)
{
    char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);

    assert_non_null(to);
    show(to, v);
    (void) fclose(to);
    return text;
}

static void
reads_what_the_language_allows(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"", "{}"},
        {"\xef\xbb\xbf"
         "a=1",
         "{a:1}"},
        {"# only a comment", "{}"},
        {"a = 1 # c\r\nb=2\r\n", "{a:1,b:2}"},
        {"bare_key-1 = 1\n1234 = 2\n\"q k\" = 3\n'l\\k' = 4\n\"\" = 5",
         "{bare_key-1:1,1234:2,q k:3,l\\k:4,:5}"},
        {"a.b.c = 1\na.b.d = 2\na . e = 3", "{a:{b:{c:1,d:2},e:3}}"},
        {"3.14 = 1", "{3:{14:1}}"},
        /* strings */
        {"s = \"\\b\\t\\n\\f\\r\\\"\\\\\\u00fc\\U0001F40B\"",
         "{s:\"\b\t\n\f\r\"\\\xc3\xbc\xf0\x9f\x90\x8b\"}"},
        {"s = 'C:\\x \"y\"'", "{s:\"C:\\x \"y\"\"}"},
        {"s = \"\"\"\nRoses\r\nViolets\"\"\"", "{s:\"Roses\nViolets\"}"},
        {"s = \"\"\"a \\\n\n   b \\   \n c\"\"\"", "{s:\"a b c\"}"},
        {"s = \"\"\"two \"\" and \\\"\"\" end\"\"\"\"\"", "{s:\"two \"\" and \"\"\" end\"\"\"}"},
        {"s = '''\n''x\\y'''''", "{s:\"''x\\y''\"}"},
        {"s = ''''quoted''''", "{s:\"'quoted'\"}"},
        {"s = \"\"\nt = ''", "{s:\"\",t:\"\"}"},
        {"s = \"tab\there\"", "{s:\"tab\there\"}"},
        /* numbers */
        {"i = [0, +99, -17, -0, 1_000, 0xDEADBEEF, 0xdead_beef, 0o755, 0b1101]",
         "{i:[0,99,-17,0,1000,3735928559,3735928559,493,13]}"},
        {"i = [9223372036854775807, -9223372036854775808]",
         "{i:[9223372036854775807,-9223372036854775808]}"},
        {"f = [1.0, +3.14, -0.5, 5e+2, 1e06, -2E-2, 6.5e-3, 1_0.2_5]",
         "{f:[1f,3.14f,-0.5f,500f,1e+06f,-0.02f,0.0065f,10.25f]}"},
        {"f = [inf, +inf, -inf, nan]", "{f:[inff,inff,-inff,nanf]}"},
        {"b = [true, false]", "{b:[yes,no]}"},
        /* dates */
        {"d = [1979-05-27T07:32:00Z, 1979-05-27 07:32:00-07:00, "
         "1979-05-27t07:32:00.999, 2000-02-29, 07:32:00.5]",
         "{d:[@1979-05-27T07:32:00Z,@1979-05-27 "
         "07:32:00-07:00,@1979-05-27t07:32:00.999,@2000-02-29,@07:32:00.5]}"},
        /* arrays and inline tables */
        {"a = [ [1, 2], ['x', {y = 1}], # c\n 1.5,\n]", "{a:[[1,2],[\"x\",{y:1}],1.5f]}"},
        {"a = []\nt = {}", "{a:[],t:{}}"},
        {"t = { x = 1, y.z = { w = '}' } }", "{t:{x:1,y:{z:{w:\"}\"}}}}"},
        /* tables */
        {"[a]\nx=1\n[b.c]\ny=2\n[b]\nz=3", "{a:{x:1},b:{c:{y:2},z:3}}"},
        {"[ a . \"b.c\" ] # c\nx=1", "{a:{b.c:{x:1}}}"},
        {"[host.\"https://"
         "m.example:5000\"]\ncapabilities=['pull']\n[host.\"http://n\"]",
         "{host:{https://m.example:5000:{capabilities:[\"pull\"]},http://n:{}}}"},
        {"[[p]]\nn=1\n[[p]]\n[[p]]\nn=3\n[p.sub]\nx=1\n[[p.arr]]\ny=1",
         "{p:[{n:1},{},{n:3,sub:{x:1},arr:[{y:1}]}]}"},
        {"[fruit]\napple.color = 'red'\napple.taste.sweet = "
         "true\n[fruit.apple.texture]\nsmooth = true",
         "{fruit:{apple:{color:\"red\",taste:{sweet:yes},texture:{smooth:yes}}}"
         "}"},
        {"[x.y.z.w]\n[x]", "{x:{y:{z:{w:{}}}}}"},
    };
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_PTR(toml) doc = NULL;
        auto_free char *got = NULL;

        if (toml_parse(rows[i].text, strlen(rows[i].text), &doc, &err) < 0)
            fail_msg("row %zu: %s: %s", i, rows[i].text, err.msg);
        got = shown(doc);
        assert_string_equal(got, rows[i].want);
    }
}

static void
refuses_with_the_line(void **state)
{
    static const struct {
        const char *text;
        int line;
    } rows[] = {
        {"a", 1},
        {"a =", 1},
        {"\na = x", 2},
        {"a = 1 b = 2", 1},
        {"= 1", 1},
        {"a. = 1", 1},
        {"a..b = 1", 1},
        {"\n\na = 1\na = 2", 4},
        {"a = 1\na.b = 2", 2},
        {"a.b = 1\na = 2", 2},
        {"a.b = 1\n[a]", 2},
        {"[a]\n[a]", 2},
        {"[a.b]\n[a]\nb = 1", 3},
        {"[a.b.c]\n[a]\nb.c.t = 1", 3},
        {"[a.b.c]\n[a]\nb.t = 1", 3},
        {"a = {}\n[a]", 2},
        {"a = {b={}}\n[a.b.c]", 2},
        {"a = {}\na.b = 1", 2},
        {"t = {a={b=1}, a.c=2}", 1},
        {"a = []\n[[a]]", 2},
        {"[[a]]\n[a]", 2},
        {"[a]\n[[a]]", 2},
        {"[a.b]\n[[a]]", 2},
        {"a = [1]\n[a.b]", 2},
        {"[a\nb=1", 1},
        {"[a]]", 1},
        {"[[a]", 1},
        {"[]", 1},
        {"[a] b = 1", 1},
        {"a = {x=1,}", 1},
        {"a = {x=1\n}", 1},
        {"a = {x=1 y=2}", 1},
        {"a = {,}", 1},
        {"a = [1 2]", 1},
        {"a = [,]", 1},
        {"a = [1,\n2", 2},
        {"s = \"x", 1},
        {"s = \"x\ny\"", 1},
        {"s = 'x\ny'", 1},
        {"\ns = \"\"\"x\ny", 2},
        {"s = \"\"\"x\"\"\"\"\"\"", 1},
        {"s = \"\\x\"", 1},
        {"s = \"\\u00g0\"", 1},
        {"s = \"\\ud800\"", 1},
        {"s = \"\\U00110000\"", 1},
        {"s = \"\\u0000\"", 1},
        {"s = \"\x01\"", 1},
        {"# \x7f", 1},
        {"a = 1\r", 1},
        {"\n\xff = 1", 2},
        {"s = \"\xc0\x80\"", 1},
        {"s = \"\xed\xa0\x80\"", 1},
        {"s = \"\xf4\x90\x80\x80\"", 1},
        {"s = \"\xe2\x82", 1},
        {"\"\"\"k\"\"\" = 1", 1},
        {"i = 01", 1},
        {"i = +0x1", 1},
        {"i = 0x", 1},
        {"i = 0b2", 1},
        {"i = 1_", 1},
        {"i = _1", 1},
        {"i = 1__0", 1},
        {"i = 0x_1", 1},
        {"i = 9223372036854775808", 1},
        {"f = 1.", 1},
        {"f = .5", 1},
        {"f = 1.e5", 1},
        {"f = 1e", 1},
        {"f = 01.5", 1},
        {"f = 1._5", 1},
        {"f = Inf", 1},
        {"d = 2001-02-29", 1},
        {"d = 1979-13-01", 1},
        {"d = 1979-05-27T24:00:00", 1},
        {"d = 1979-05-27T07:32", 1},
        {"d = 1979-05-27T07:32:00+24:00", 1},
        {"d = 07:32:00.", 1},
        {"b = True", 1},
    };
    struct toml *doc = NULL;
    char prefix[32];
    struct err err;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        err = (struct err){0};
        if (toml_parse(rows[i].text, strlen(rows[i].text), &doc, &err) != -CODE_INVALID_ARGUMENT)
            fail_msg("row %zu was taken: %s", i, rows[i].text);
        (void) snprintf(prefix, sizeof prefix, "line %d: ", rows[i].line);
        if (strncmp(err.msg, prefix, strlen(prefix)) != 0)
            fail_msg("row %zu: %s", i, err.msg);
    }
    assert_null(doc);
    assert_code(toml_parse("a\0b = 1", 7, &doc, &err), CODE_INVALID_ARGUMENT, &err);
}

static void
size_depth_and_number_are_bounded(void **state)
{
    size_t n = TOML_SIZE_MAX + 1;
    auto_free char *text = xmalloc(n);
    struct toml *doc = NULL;
    struct err err = {0};

    (void) state;
    memset(text, '\n', n);
    assert_code(toml_parse(text, n, &doc, &err), CODE_INVALID_ARGUMENT, &err);
    assert_ok(toml_parse(text, n - 1, &doc, &err), &err);
    toml_free(doc);

    memset(text, '[', n);
    memcpy(text, "a=", 2);
    assert_code(toml_parse(text, 2000, &doc, &err), CODE_INVALID_ARGUMENT, &err);
    assert_non_null(strstr(err.msg, "deeper"));

    for (size_t i = 0; i + 4 < n; i += 4)
        memcpy(text + i, "{a= ", 4);
    memcpy(text, "b = ", 4);
    assert_code(toml_parse(text, 4000, &doc, &err), CODE_INVALID_ARGUMENT, &err);
    assert_non_null(strstr(err.msg, "deeper"));

    for (size_t i = 0; i + 2 < n; i += 2)
        memcpy(text + i, "a.", 2);
    assert_code(toml_parse(text, 4000, &doc, &err), CODE_INVALID_ARGUMENT, &err);
    assert_non_null(strstr(err.msg, "parts"));

    for (size_t i = 0; i + 2 < n; i += 2)
        memcpy(text + i, "1,", 2);
    memcpy(text, "a=[", 3);
    text[3] = ' ';
    assert_code(toml_parse(text, n - 1, &doc, &err), CODE_INVALID_ARGUMENT, &err);
    assert_non_null(strstr(err.msg, "more than"));
}

static void
looks_up_by_path(void **state)
{
    static const char text[] = "\n[a.b]\nx = 'y'\nn = 2\n";
    static const char *const path[] = {"a", "b", "x"}, *const no[] = {"a", "x", "x"};
    AUTO_PTR(toml) doc = NULL;
    struct err err = {0};
    double f;
    bool b;

    (void) state;
    assert_ok(toml_parse(text, strlen(text), &doc, &err), &err);
    assert_string_equal(toml_str(toml_find_path(doc, path, 3)), "y");
    assert_int_equal(toml_line(toml_find_path(doc, path, 3)), 3);
    assert_int_equal(toml_line(toml_find_path(doc, path, 2)), 2);
    assert_null(toml_find_path(doc, no, 3));
    assert_null(toml_key(doc));
    assert_true(toml_float(toml_find(toml_find_path(doc, path, 2), "n"), &f));
    assert_true(f == 2.0);
    assert_false(toml_bool(NULL, &b));
    assert_false(toml_float(NULL, &f));
    assert_null(toml_str(doc));
    assert_null(toml_date(doc));
    assert_null(toml_at(NULL, 0));
    assert_int_equal(toml_len(NULL), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_the_language_allows),
        cmocka_unit_test(refuses_with_the_line),
        cmocka_unit_test(size_depth_and_number_are_bounded),
        cmocka_unit_test(looks_up_by_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
