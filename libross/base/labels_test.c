/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of labels.c. A set of labels is written "key=value key=value" here, in the order that it must have. */
#include "libross/base/labels.h"

#include <string.h>

#include "libross/base/test.h"

static struct labels
read_labels(const char *text)
{
    AUTO(strv) words = strv_split(text, ' ');
    struct labels l = {0};
    char *eq;

    for (size_t i = 0; i < words.n; i++) {
        eq = strchr(words.items[i], '=');
        if (!eq)
            continue;
        *eq = '\0';
        labels_set_raw(&l, words.items[i], eq + 1);
    }
    return l;
}

static char *
show_labels(const struct labels *l)
{
    AUTO(strv) words = {0};

    for (size_t i = 0; i < l->n; i++)
        strv_printf(&words, "%s=%s", l->items[i].key, l->items[i].value);
    return strv_join(&words, " ");
}

static void
assert_labels(const struct labels *l, const char *want)
{
    auto_free char *got = show_labels(l);

    assert_string_equal(got, want);
}

static void
keys_are_sorted_and_unique(void **state)
{
    AUTO(labels) l = {0};

    (void) state;
    labels_set(&l, "m", "1");
    labels_set(&l, "a", "2");
    labels_set(&l, "z", "3");
    labels_set(&l, "m", "4");
    labels_set(&l, "B", "5");
    assert_labels(&l, "B=5 a=2 m=4 z=3");
    assert_string_equal(labels_find(&l, "m"), "4");
    assert_null(labels_find(&l, "b"));
    labels_del(&l, "a");
    labels_del(&l, "none");
    assert_labels(&l, "B=5 m=4 z=3");
}

static void
an_empty_value_is_no_label_unless_raw(void **state)
{
    AUTO(labels) l = read_labels("a=1 b=2");

    (void) state;
    labels_set(&l, "a", "");
    labels_set(&l, "c", "");
    assert_labels(&l, "b=2");
    labels_set_raw(&l, "c", "");
    assert_labels(&l, "b=2 c=");
}

static void
a_value_may_be_set_to_itself(void **state)
{
    AUTO(labels) l = read_labels("a=1");

    (void) state;
    labels_set(&l, "a", labels_find(&l, "a"));
    assert_labels(&l, "a=1");
}

static void
clones_are_equal_and_apart(void **state)
{
    AUTO(labels) a = read_labels("a=1 b=2");
    AUTO(labels) b = labels_clone(&a);
    AUTO(labels) none = {0};
    AUTO(labels) none_too = labels_clone(&none);

    (void) state;
    assert_true(labels_equal(&a, &b));
    assert_true(labels_equal(&none, &none_too));
    assert_false(labels_equal(&a, &none));
    labels_set(&b, "b", "3");
    assert_false(labels_equal(&a, &b));
    labels_set(&b, "b", "2");
    labels_del(&b, "a");
    labels_set(&b, "aa", "1");
    assert_false(labels_equal(&a, &b));
    assert_labels(&a, "a=1 b=2");
}

static void
size_limit_counts_key_and_value(void **state)
{
    char value[LABEL_SIZE_MAX + 1];
    struct err err = {0};

    (void) state;
    memset(value, 'v', sizeof value);
    for (size_t n = LABEL_SIZE_MAX - 5; n <= LABEL_SIZE_MAX; n++) {
        AUTO(labels) l = {0};

        value[n] = '\0';
        labels_set(&l, "key", value);
        value[n] = 'v';
        if (n + 3 <= LABEL_SIZE_MAX)
            assert_ok(labels_validate(&l, &err), &err);
        else {
            assert_code(labels_validate(&l, &err), CODE_INVALID_ARGUMENT, &err);
            assert_non_null(strstr(err.msg, "key"));
        }
    }
    AUTO(labels) nameless = {0};

    labels_set(&nameless, "", "x");
    assert_code(labels_validate(&nameless, &err), CODE_INVALID_ARGUMENT, &err);
}

/* Reference 8.3, row by row. */
static void
masks_follow_the_reference(void **state)
{
    static const struct {
        const char *have, *from, *mask; /* paths between ',' */
        const char *want;               /* NULL = InvalidArgument, unchanged */
    } rows[] = {
        {"a=1 b=2", "c=3", "", "c=3"},
        {"a=1 b=2", "", "", ""},
        {"a=1 b=2", "c=3", "labels", "c=3"},
        {"a=1 b=2", "a=9 c=3", "labels.a", "a=9 b=2"},
        {"a=1 b=2", "a=9 c=3", "labels.c", "a=1 b=2 c=3"},
        {"a=1 b=2", "a=9", "labels.b", "a=1"},
        {"a=1 b=2", "a=", "labels.a", "b=2"},
        {"a=1 b=2", "a= c=3", "", "c=3"},
        {"a=1", "x.y/z.w=5", "labels.x.y/z.w", "a=1 x.y/z.w=5"},
        {"a=1", "labels.k=5", "labels.labels.k", "a=1 labels.k=5"},
        {"a=1 b=2", "a=9 b=8", "labels.a,labels.b", "a=9 b=8"},
        {"a=1 b=2", "c=3 d=4", "labels,labels.a", "c=3 d=4"},
        {"a=1 b=2", "c=3", "labels.a,labels", "c=3"},
        {"a=1", "a=2", "parent", NULL},
        {"a=1", "a=2", "kind", NULL},
        {"a=1", "a=2", "labels.a,name", NULL},
        {"a=1", "a=2", "Labels", NULL},
        {"a=1", "a=2", "labelsx", NULL},
        {"a=1", "a=2", "label.a", NULL},
    };
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(labels) l = read_labels(rows[i].have);
        AUTO(labels) from = read_labels(rows[i].from);
        AUTO(strv) mask = {0};

        if (*rows[i].mask)
            mask = strv_split(rows[i].mask, ',');
        if (rows[i].want)
            assert_ok(labels_apply_mask(&l, &from, &mask, &err), &err);
        else
            assert_code(labels_apply_mask(&l, &from, &mask, &err), CODE_INVALID_ARGUMENT, &err);
        assert_labels(&l, rows[i].want ? rows[i].want : rows[i].have);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_sorted_and_unique),
        cmocka_unit_test(an_empty_value_is_no_label_unless_raw),
        cmocka_unit_test(a_value_may_be_set_to_itself),
        cmocka_unit_test(clones_are_equal_and_apart),
        cmocka_unit_test(size_limit_counts_key_and_value),
        cmocka_unit_test(masks_follow_the_reference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
