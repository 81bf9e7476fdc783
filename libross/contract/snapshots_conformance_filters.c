/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance of snapshots: the filter language (reference 8.4). */
#include "snap_suite.h"

static int
filters_code(struct snap_suite *t, const char *filter, struct err *err)
{
    auto_free char *names = NULL;
    AUTO(strv) filters = {0};

    strv_add(&filters, filter);
    return snap_suite_names(t, &filters, &names, err);
}

struct filter_case {
    const char *filter, *also; /* `also`: a second expression, or NULL */
    const char *want;          /* names below the prefix, %P in a filter is the prefix */
};

static const struct filter_case filter_cases[] = {
    {"", NULL, "base one three two"},
    {"labels.a==1", NULL, "one two"},
    {"labels.a==2", NULL, "three"},
    {"labels.\"a\"==1", NULL, "one two"},
    {"labels.a==\"1\"", NULL, "one two"},
    {"labels.a==1,labels.b==x", NULL, "one"},
    {"labels.a==2", "labels.b==x", "one three"},
    {"labels.b", NULL, "one two"},
    {"labels.none", NULL, ""},
    {"labels.none==x", NULL, ""},
    {"labels.a!=1", NULL, "base three"},
    {"labels.none!=x", NULL, "base one three two"},
    {"labels.none!=\"\"", NULL, ""},
    {"labels.none~=x", NULL, ""},
    {"labels.none~=\"^$\"", NULL, "base one three two"},
    {"labels.b~=/^[xy]$/", NULL, "one two"},
    {"labels.b~=|^x|", NULL, "one"},
    {"labels.b~=x", NULL, "one"},
    {"labels.b~=\"[\"", NULL, ""},
    {"labels.\"containerd.io/snapshot.ref\"==sha256:77", NULL, "three"},
    {"labels.dotted.key==v", NULL, "three"},
    {"labels.\"dotted.key\"==v", NULL, "three"},
    {"labels.dotted", NULL, ""},
    {"kind==committed", NULL, "base"},
    {"kind==active", NULL, "one three"},
    {"kind==view", NULL, "two"},
    {"kind!=view,labels.a", NULL, "one three"},
    {"parent==\"%Pbase\"", NULL, "one two"},
    {"parent==\"\",labels.a", NULL, "three"},
    {"parent!=\"\",labels.a", NULL, "one two"},
    {"parent", NULL, "base one three two"},
    {"name==\"%Pone\"", NULL, "one"},
    {"name~=\"%Pt.*\"", NULL, "three two"},
    {" labels.a == 1, kind ==  view", NULL, "two"},
    {"nothing", NULL, ""},
    {"nothing==x", "name==\"%Pone\"", "one"},
    {"labels.spaces==\"a b,c\"", NULL, "two"},
    {"labels.tab==\"\\x41\\tB\"", NULL, "two"},
};

static const char *const bad_filters[] = {
    "labels.a=1",
    "labels.a===1",
    "labels.a==",
    "==1",
    "labels.a==1,",
    "labels.a==1 ,kind==view",
    ",",
    "labels.a==1 x",
    "labels.a==\"1",
    "labels.",
    "labels.a=!1",
    "labels.a<1",
    "labels.a==/1/",
    "labels./a/==1",
    "labels..a",
    "labels.a==\"\\q\"",
    "labels.a~1",
    "labels.a~=/x",
    "kind==,",
    "labels.a==.x",
};

static char *
with_prefix(const struct snap_suite *t, const char *filter)
{
    const char *at = strstr(filter, "%P");

    if (!at)
        return xstrdup(filter);
    return xasprintf("%.*s%s%s", (int) (at - filter), filter, t->prefix, at + 2);
}

static int
make_filter_objects(struct snap_suite *t)
{
    AUTO(labels) one = snap_suite_labels("a=1 b=x");
    AUTO(labels) two = snap_suite_labels("a=1 b=y");
    AUTO(labels) three = snap_suite_labels("a=2 containerd.io/snapshot.ref=sha256:77 dotted.key=v");

    labels_set(&two, "spaces", "a b,c");
    labels_set(&two, "tab", "A\tB");
    OK(layer(t, K("base"), "", NULL, err));
    OK(prepare(t, SNAPSHOT_ACTIVE, K("one"), K("base"), &one, err));
    OK(prepare(t, SNAPSHOT_VIEW, K("two"), K("base"), &two, err));
    OK(prepare(t, SNAPSHOT_ACTIVE, K("three"), "", &three, err));
    return 0;
}

static int
filters_select(struct snap_suite *t)
{
    int failed = make_filter_objects(t);

    for (size_t i = 0; failed == 0 && i < ARRAY_LEN(filter_cases); i++) {
        const struct filter_case *c = &filter_cases[i];
        AUTO(strv) filters = {0};
        auto_free char *names = NULL;

        strv_take(&filters, with_prefix(t, c->filter));
        if (c->also)
            strv_take(&filters, with_prefix(t, c->also));
        OK(snap_suite_names(t, &filters, &names, err));
        if (strcmp(names, c->want) != 0) {
            (void) fprintf(t->opt->to, "    filter %s%s%s: wanted '%s', got '%s'\n", c->filter,
                           c->also ? " or " : "", c->also ? c->also : "", c->want, names);
            failed = -1;
        }
    }
    return failed;
}

static int
bad_filters_are_refused(struct snap_suite *t)
{
    for (size_t i = 0; i < ARRAY_LEN(bad_filters); i++) {
        struct err e = {0};
        int r = filters_code(t, bad_filters[i], &e);

        if (r == -CODE_UNKNOWN && t->opt->bad_filter_is_unknown)
            continue;
        if (r != -CODE_INVALID_ARGUMENT)
            (void) fprintf(t->opt->to, "    filter %s\n", bad_filters[i]);
        CODE(r, CODE_INVALID_ARGUMENT);
    }
    return 0;
}

const struct snap_case snap_cases_filters[] = {
    {"filters_select", filters_select},
    {"bad_filters_are_refused", bad_filters_are_refused},
    {0},
};
