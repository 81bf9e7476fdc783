/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/filter/filter.h"

#include <string.h>
#include <time.h>

#include "libross/base/labels.h"
#include "libross/base/test.h"

struct object {
    const char *name, *kind;
    struct labels labels;
};

static const char *
field(const void *of, const struct filter_path *path)
{
    const struct object *o = of;

    if (strcmp(path->parts[0], "labels") == 0)
        return path->n > 1 ? labels_find(&o->labels, path->rest) : NULL;
    if (path->n != 1)
        return NULL;
    if (strcmp(path->parts[0], "name") == 0)
        return o->name;
    if (strcmp(path->parts[0], "kind") == 0)
        return o->kind;
    return NULL;
}

static struct object object = {.name = "the name", .kind = ""};

static int
setup(void **state)
{
    (void) state;
    labels_set(&object.labels, "a", "x");
    labels_set(&object.labels, "a.b", "dotted");
    labels_set(&object.labels, "containerd.io/gc.root", "2024-01-01T00:00:00Z");
    labels_set(&object.labels, "u", "gr\xc3\xbcn");
    labels_set(&object.labels, "lines", "one\ntwo");
    labels_set(&object.labels, "bad", "x\xffy");
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    labels_done(&object.labels);
    return 0;
}

static bool
matches(const char *const *expressions, size_t n)
{
    AUTO_PTR(filter) f = NULL;
    AUTO(strv) list = {0};
    struct err err = {0};

    for (size_t i = 0; i < n; i++)
        strv_add(&list, expressions[i]);
    assert_ok(filter_parse_all(&list, &f, &err), &err);
    return filter_match(f, field, &object);
}

/* Every row was compared with containerd's own package. */
static void
matches_like_containerd(void **state)
{
    static const struct {
        const char *expression;
        bool want;
    } rows[] = {
        {"", true},
        {"name", true},
        {"missing", false},
        {" name", true},
        {"kind", true}, /* present though empty */
        {"name==the", false},
        {"name==\"the name\"", true},
        {"name  ==  \"the name\"", true},
        {"name==\"the name\",kind==\"\"", true},
        {"name==\"the name\", kind==x", false},
        {"name!=\"the name\"", false},
        {"labels.a==x", true},
        {"labels.a.b==dotted", true},
        {"labels.\"a.b\"==dotted", true},
        {"labels. a==x", true},
        {"labels.\"containerd.io/gc.root\"", true},
        {"labels.\"containerd.io/gc.root\"==2024-01-01T00:00:00Z", true},
        {"labels", false},
        {"labels.zz", false},
        /* an absent field is the empty string but to == */
        {"labels.zz!=x", true},
        {"labels.zz!=\"\"", false},
        {"labels.zz==\"\"", false},
        {"labels.zz~=\"^$\"", true},
        {"labels.zz~=x", false},
        {"unknown.path!=y", true},
        /* values */
        {"labels.a!=a=b!~.\"/", true},
        {"name==\"\\x74he\\u0020n\\141me\"", true},
        {"name==\"\\U00000074he name\"", true},
        {"labels.u==gr\xc3\xbcn", true},
        {"labels.u==\"gr\\u00fcn\"", true},
        {"labels.bad==\"x\\xffy\"", true},
        {"name!=\"a\\0001\"", true},
        {"\"na\\000me\"", false},
        {"name=='the", false},
        /* regular expressions are searched for, not anchored */
        {"name~=e.n", true},
        {"name~=/^the name$/", true},
        {"name~=|e n|", true},
        {"name~=|the\\|x|", true}, /* the escape is of the quote: the|x */
        {"name~=\"(?i)THE\"", true},
        {"name~=\"(?P<n>t)(?:h)e\"", true},
        {"name~=\"\\\\bname\\\\z\"", true},
        {"name~=\"^*the$?\"", true},
        {"name~=\"x|\\\\Qe n\"", true},
        {"labels.u~=\"^gr.n$\"", true},
        {"labels.lines~=\"one$\"", false},
        {"labels.lines~=\"(?m)^one$\"", true},
        {"labels.lines~=\"one.two\"", false},
        {"labels.lines~=\"(?s)one.two\"", true},
        {"labels.bad~=\"^x.y$\"", true},
        {"name~=\"[[:alpha:]]{3} \\\\p{L}\"", true},
        /* what RE2 does not know matches nothing */
        {"name~=\"[\"", false},
        {"name~=\"t)|(h\"", false},
        {"name~=\")(\"", false},
        {"name~=\"(t)\\\\1|\"", false},
        {"name~=\"(?=t)\"", false},
        {"name~=\"(?<!x)t\"", false},
        {"name~=\"(?>t)\"", false},
        {"name~=\"t++\"", false},
        {"name~=\"t{2}{1}|\"", false},
        {"name~=\"t{1001}|\"", false},
        {"name~=\"\\\\h\"", false},
        {"name~=\"name\\\\Z\"", false},
        {"name~=\"(?x)t\"", false},
        {"name~=\"(*ACCEPT)\"", false},
        {"name~=\"(?#c)t\"", false},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (matches(&rows[i].expression, 1) != rows[i].want)
            fail_msg("%s: wanted %d", rows[i].expression, rows[i].want);
}

static void
several_expressions_are_alternatives(void **state)
{
    static const char *const none[] = {"name==x", "kind==x"},
                             *const one[] = {"name==x", "labels.a==x"},
                             *const empty[] = {"name==x", ""};
    AUTO_PTR(filter) f = NULL;
    AUTO(strv) list = {0};
    struct err err = {0};

    (void) state;
    assert_false(matches(none, 2));
    assert_true(matches(one, 2));
    assert_true(matches(empty, 2));
    assert_true(matches(NULL, 0));
    strv_add(&list, "name==x");
    assert_ok(filter_parse_all(&list, &f, &err), &err);
    assert_false(filter_is_all(f));
}

static void
malformed_expressions_are_invalid(void **state)
{
    static const struct {
        const char *expression, *says;
    } rows[] = {
        {" ", "expected field"},
        {"name ", "expected an operator"},
        {"name==the name", "unexpected input"},
        {"name==x ", "unexpected input"},
        {"name==x ,kind", "unexpected input"},
        {"name==\"a\"b", "unexpected input"},
        {"name=x", "unsupported operator '='"},
        {"name===x", "unsupported operator '==='"},
        {"name=~x", "unsupported operator '=~'"},
        {"name!x", "unsupported operator '!'"},
        {"name==", "expected value"},
        {"name==,", "expected value"},
        {"name==.x", "expected value"},
        {"==x", "expected field"},
        {",", "expected field"},
        {"name,", "expected field"},
        {"name.", "expected field"},
        {"name..x", "expected field"},
        {"name .x", "expected an operator"},
        {"labels.containerd.io/gc", "expected an operator"},
        {"name==/x/", "invalid quote"},
        {"name!=|x|", "invalid quote"},
        {"/name/==x", "invalid quote"},
        {"name==\"x", "not terminated"},
        {"name==\"a\nb\"", "not terminated"},
        {"name==\"\\q\"", "illegal escape"},
        {"name==\"\\x4\"", "illegal escape"},
        {"name==\"\\08\"", "illegal escape"},
        {"name==\"\\400\"", "illegal escape"},
        {"name==\"\\U00110000\"", "illegal escape"},
        {"name==\xff", "not UTF-8"},
        {"name==\"\xff\"", "not UTF-8"},
        {"\xff", "expected field"},
    };
    AUTO(strv) many = {0};
    auto_free char *big = xmalloc(FILTER_SIZE_MAX + 2);
    struct filter *f = NULL;
    struct err err;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(strv) list = {0};

        err = (struct err){0};
        strv_add(&list, "name");
        strv_add(&list, rows[i].expression);
        assert_code(filter_parse_all(&list, &f, &err), CODE_INVALID_ARGUMENT, &err);
        if (!strstr(err.msg, rows[i].says))
            fail_msg("%s: %s", rows[i].expression, err.msg);
    }
    for (int i = 0; i <= FILTERS_MAX; i++)
        strv_add(&many, "");
    assert_code(filter_parse_all(&many, &f, &err), CODE_INVALID_ARGUMENT, &err);
    memset(big, 'a', FILTER_SIZE_MAX + 1);
    big[FILTER_SIZE_MAX + 1] = '\0';
    {
        AUTO(strv) list = {0};

        strv_add(&list, big);
        assert_code(filter_parse_all(&list, &f, &err), CODE_INVALID_ARGUMENT, &err);
    }
    assert_null(f);
}

/* Expressions that take a backtracking matcher for ever, on a long text. */
static void
hostile_expressions_end_soon(void **state)
{
    static const char *const rows[] = {
        "name~=\"^(a+)+$\"",
        "name~=\"(a|aa)+$\"",
        "name~=\"(a*)*b\"",
        "name~=\"(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)b\"",
        "name~=\"((a{1,100}){1,100}){1,100}b\"",
        "name~=\"(?:a?){500}a{500}b\"",
    };
    char text[4001];
    struct object long_one = {.name = text};
    struct timespec from, to;

    (void) state;
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 2] = '!';
    text[sizeof text - 1] = '\0';
    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_PTR(filter) f = NULL;
        AUTO(strv) list = {0};
        struct err err = {0};

        strv_add(&list, rows[i]);
        assert_ok(filter_parse_all(&list, &f, &err), &err);
        assert_false(filter_match(f, field, &long_one));
    }
    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    assert_true(to.tv_sec - from.tv_sec < 20);
}

static void
tells_a_store_what_to_look_up(void **state)
{
    AUTO_PTR(filter) f = NULL;
    AUTO(strv) list = {0};
    struct err err = {0};

    (void) state;
    strv_add(&list, "labels.x==y,parent==p");
    assert_ok(filter_parse_all(&list, &f, &err), &err);
    assert_string_equal(filter_equals(f, "parent"), "p");
    assert_null(filter_equals(f, "name"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_like_containerd),
        cmocka_unit_test(several_expressions_are_alternatives),
        cmocka_unit_test(malformed_expressions_are_invalid),
        cmocka_unit_test(hostile_expressions_end_soon),
        cmocka_unit_test(tells_a_store_what_to_look_up),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
