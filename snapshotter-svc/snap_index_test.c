/* SPDX-License-Identifier: Apache-2.0 */
#include "snap_index.h"

#include <stdio.h>
#include <string.h>

#include "libross/base/test.h"

static void
labels_survive_packing(void **state)
{
    AUTO(labels) l = {0};
    AUTO(labels) back = {0};
    auto_free char *packed = NULL;
    size_t n;

    (void) state;
    assert_null(snap_labels_pack(&l, &n));
    assert_int_equal(n, 0);
    assert_true(snap_labels_unpack(NULL, 0, &back));
    labels_set(&l, "b", "2");
    labels_set(&l, "a.b/c", "with space");
    packed = snap_labels_pack(&l, &n);
    assert_int_equal(n, sizeof "a.b/c\0with space\0b\0002");
    assert_true(snap_labels_unpack(packed, n, &back));
    assert_true(labels_equal(&l, &back));
}

static void
damaged_labels_are_noticed(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } cases[] = {{"a", 1}, {"a\0", 2}, {"a\0b", 3}, {"\0b\0", 3}, {"a\0b\0c\0", 6}};
    AUTO(labels) l = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_false(snap_labels_unpack(cases[i].bytes, cases[i].n, &l));
}

static void
too_many_labels_are_refused(void **state)
{
    AUTO(labels) l = {0};
    char key[16], value[4000];
    struct err err = {0};

    (void) state;
    memset(value, 'v', sizeof value);
    value[sizeof value - 1] = '\0';
    for (int i = 0; i < 261; i++) {
        (void) snprintf(key, sizeof key, "k%d", i);
        labels_set(&l, key, value);
    }
    assert_ok(snap_labels_check(&l, &err), &err);
    labels_set(&l, "more", value);
    labels_set(&l, "yet more", value);
    assert_code(snap_labels_check(&l, &err), CODE_INVALID_ARGUMENT, &err);
}

static struct snap_node *
add(struct snap_index *x, uint64_t id, struct snap_node *parent)
{
    char name[32];
    struct snap_node *n;

    (void) snprintf(name, sizeof name, "name-%llu", (unsigned long long) id);
    n = snap_node_new(id, SNAPSHOT_COMMITTED, name);
    n->parent = parent;
    snap_index_add(x, n);
    return n;
}

static void
finds_thousands_by_name_and_id(void **state)
{
    struct snap_index x;
    char name[32];

    (void) state;
    snap_index_init(&x);
    for (uint64_t id = 1; id <= 3000; id++)
        (void) add(&x, id, NULL);
    for (uint64_t id = 1; id <= 3000; id++) {
        (void) snprintf(name, sizeof name, "name-%llu", (unsigned long long) id);
        assert_int_equal(snap_index_find(&x, name)->id, id);
        assert_ptr_equal(snap_index_find(&x, name), snap_index_find_id(&x, id));
    }
    assert_null(snap_index_find(&x, "name-3001"));
    assert_null(snap_index_find_id(&x, 3001));
    snap_index_done(&x);
}

static void
children_are_counted(void **state)
{
    struct snap_index x;
    struct snap_node *base, *other, *child;

    (void) state;
    snap_index_init(&x);
    base = add(&x, 1, NULL);
    other = add(&x, 2, NULL);
    child = add(&x, 3, base);
    assert_int_equal(base->n_children, 1);
    snap_index_set_parent(child, other);
    assert_int_equal(base->n_children, 0);
    assert_int_equal(other->n_children, 1);
    snap_index_rename(&x, child, xstrdup("renamed"));
    assert_ptr_equal(snap_index_find(&x, "renamed"), child);
    assert_null(snap_index_find(&x, "name-3"));
    snap_index_del(&x, child);
    assert_int_equal(other->n_children, 0);
    assert_null(snap_index_find(&x, "renamed"));
    snap_node_free(child);
    snap_index_done(&x);
}

static void
marks_move_on_when_their_node_goes(void **state)
{
    struct snap_index x;
    struct snap_node *n[4];
    struct snap_mark a, b;

    (void) state;
    snap_index_init(&x);
    for (uint64_t i = 0; i < 4; i++)
        n[i] = add(&x, i + 1, NULL);
    snap_mark_open(&x, &a);
    snap_mark_open(&x, &b);
    b.at = n[3];
    snap_index_del(&x, n[0]);
    assert_ptr_equal(a.at, n[1]);
    snap_index_del(&x, n[2]);
    assert_ptr_equal(a.at, n[1]);
    snap_index_del(&x, n[3]);
    assert_null(b.at);
    snap_mark_close(&x, &a);
    snap_mark_close(&x, &b);
    snap_node_free(n[0]);
    snap_node_free(n[2]);
    snap_node_free(n[3]);
    snap_index_done(&x);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_survive_packing),
        cmocka_unit_test(damaged_labels_are_noticed),
        cmocka_unit_test(too_many_labels_are_refused),
        cmocka_unit_test(finds_thousands_by_name_and_id),
        cmocka_unit_test(children_are_counted),
        cmocka_unit_test(marks_move_on_when_their_node_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
