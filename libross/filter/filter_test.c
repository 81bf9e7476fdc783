/* SPDX-License-Identifier: Apache-2.0 */
#include "filter.h"

#include <string.h>

#include "libross/base/test.h"

struct object {
    const char *name, *parent, *kind;
    struct labels labels;
};

static const char *
object_field(const void *object, const struct filter_path *path)
{
    const struct object *o = object;

    if (strcmp(path->parts[0], "labels") == 0)
        return path->n > 1 ? labels_find(&o->labels, path->rest) : NULL;
    if (path->n != 1)
        return NULL;
    if (strcmp(path->parts[0], "name") == 0)
        return o->name;
    if (strcmp(path->parts[0], "parent") == 0)
        return o->parent;
    if (strcmp(path->parts[0], "kind") == 0)
        return o->kind;
    return NULL;
}

static struct object
sample(void)
{
    struct object o = {.name = "foo", .parent = "", .kind = "active"};

    labels_set(&o.labels, "l1", "v1");
    labels_set(&o.labels, "a.b", "dotted");
    labels_set(&o.labels, "containerd.io/gc.root", "now");
    labels_set(&o.labels, "text", "a,b \"q\" c\xc3\xa9");
    return o;
}

static void
matches_by_the_table_of_the_reference(void **state)
{
    static const struct {
        const char *filter;
        bool match;
    } rows[] = {
        {"", true},
        {"name==foo", true},
        {"name==bar", false},
        {"name!=bar", true},
        {"name!=foo", false},
        {" name  ==  foo ", true},
        {"name==foo,kind==active", true},
        {"name==foo,kind==view", false},
        {"name", true},
        {"nosuch", false},
        {"nosuch==x", false},
        {"nosuch!=x", true},
        {"nosuch!=\"\"", false},
        {"nosuch~=\"\"", true},
        {"parent", true},
        {"parent==\"\"", true},
        {"parent!=\"\"", false},
        {"labels.l1", true},
        {"labels.l1==v1", true},
        {"labels.l2", false},
        {"labels.l2!=v", true},
        {"labels.a.b==dotted", true},
        {"labels.\"a.b\"==dotted", true},
        {"labels.\"containerd.io/gc.root\"==now", true},
        {"\"labels\".\"containerd.io/gc.root\"", true},
        {"labels", false},
        {"name.first==foo", false},
        {"name~=^f", true},
        {"name~=o$", true},
        {"name~=oo", true},
        {"name~=/^f.o$/", true},
        {"name~=|^f.o$|", true},
        {"name~=\"^b\"", false},
        {"name~=(", false}, /* an invalid expression matches nothing */
        {"labels.text==\"a,b \\\"q\\\" c\\u00e9\"", true},
        {"labels.text==\"a,b \\x22q\\042 c\\xc3\\xa9\"", true},
        {"labels.text~=/a,b/", true},
        {"name==f=o", false}, /* operators inside a value are part of it */
        {"name!=f~o/.\"", true},
    };
    struct object o = sample();
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(strv) v = {0};
        AUTO_PTR(filter) f = NULL;

        strv_add(&v, rows[i].filter);
        assert_ok(filter_parse_all(&v, &f, &err), &err);
        if (filter_match(f, object_field, &o) != rows[i].match)
            fail_msg("'%s' should%s match", rows[i].filter, rows[i].match ? "" : " not");
    }
    labels_done(&o.labels);
}

static void
refuses_what_is_no_filter(void **state)
{
    static const char *const rows[] = {
        ",",
        "name=foo",
        "name===foo",
        "name!foo",
        "name==",
        "name== ",
        "name==,b",
        "name==.x",
        "name==/x/",
        "name!=|x|",
        "/name/==x",
        "name==\"x",
        "name.",
        ".name",
        "name==x,",
        "name x",
        "name==\"a\nb\"",
        "na-me==x",
        "name==\"\\q\"",
        "name==\xff",
        "name~=/x",
        "name==\"x\"y",
        "name==~x",
        " ",
        "name==\"\\u12\"",
        "name==\"\\ud800\"",
        "'name'==x",
    };
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(strv) v = {0};
        AUTO_PTR(filter) f = NULL;

        strv_add(&v, rows[i]);
        if (filter_parse_all(&v, &f, &err) != -CODE_INVALID_ARGUMENT)
            fail_msg("'%s' was taken", rows[i]);
    }
}

static void
takes_several_as_alternatives(void **state)
{
    struct object o = sample();
    AUTO_PTR(filter) none = NULL;
    AUTO_PTR(filter) empty = NULL;
    AUTO_PTR(filter) f = NULL;
    AUTO(strv) v = {0};
    struct err err = {0};

    (void) state;
    assert_ok(filter_parse_all(&v, &none, &err), &err);
    assert_true(filter_match(none, object_field, &o));
    strv_add(&v, "name==bar");
    strv_add(&v, "kind==active");
    assert_ok(filter_parse_all(&v, &f, &err), &err);
    assert_true(filter_match(f, object_field, &o));
    o.kind = "view";
    assert_false(filter_match(f, object_field, &o));
    strv_add(&v, "");
    assert_ok(filter_parse_all(&v, &empty, &err), &err);
    assert_true(filter_match(empty, object_field, &o));
    labels_done(&o.labels);
}

static void
tells_a_store_what_to_look_up(void **state)
{
    AUTO_PTR(filter) f = NULL;
    AUTO(strv) v = {0};
    struct err err = {0};

    (void) state;
    strv_add(&v, "labels.x==y,parent==p");
    assert_ok(filter_parse_all(&v, &f, &err), &err);
    assert_string_equal(filter_equals(f, "parent"), "p");
    assert_null(filter_equals(f, "name"));
}

static void
survives_an_expression_made_to_burn_time(void **state)
{
    struct object o = {.name = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"};
    AUTO_PTR(filter) f = NULL;
    AUTO(strv) v = {0};
    struct err err = {0};

    (void) state;
    strv_add(&v, "name~=/^(a+)+$/");
    assert_ok(filter_parse_all(&v, &f, &err), &err);
    assert_false(filter_match(f, object_field, &o));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_by_the_table_of_the_reference),
        cmocka_unit_test(refuses_what_is_no_filter),
        cmocka_unit_test(takes_several_as_alternatives),
        cmocka_unit_test(tells_a_store_what_to_look_up),
        cmocka_unit_test(survives_an_expression_made_to_burn_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
