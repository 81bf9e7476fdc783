/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_graph.h"

#include <stdio.h>
#include <string.h>

#include "libross/base/clock.h"
#include "libross/base/test.h"

struct row {
    const char *name;        /* of the case */
    const char *root;        /* "TYPE NS KEY", what is reached by itself; NULL = nothing */
    const char *edges[4][3]; /* object, label, value */
    const char *kept[4], *gone[4];
};

static gc_id
node(struct gc_graph *g, const char *text)
{
    static const char types[][10] = {"content",  "image", "container",
                                     "snapshot", "lease", "ingest"};
    char type[16], ns[16], key[64];

    assert_int_equal(sscanf(text, "%15s %15s %63s", type, ns, key), 3);
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (!strcmp(types[i], type))
            return gc_graph_node(g, (enum gc_type) i, strcmp(ns, "-") != 0 ? ns : "", key);
    fail_msg("%s", type);
    return 0;
}

#define REF  "containerd.io/gc.ref."
#define BREF "containerd.io/gc.bref."

static const struct row rows[] = {
    {"nothing is reached without a root",
     NULL,
     {{"content n a", REF "content", "b"}},
     {0},
     {"content n a", "content n b"}},
    {"labels of content, with suffixes",
     "content n a",
     {{"content n a", REF "content.l.0", "b"},
      {"content n a", REF "content/x", "c"},
      {"content n b", REF "content", "d"},
      {"content n a", REF "contentious", "e"}},
     {"content n b", "content n c", "content n d"},
     {"content n e"}},
    {"namespaces stay apart",
     "content n a",
     {{"content n a", REF "content", "b"}},
     {"content n b"},
     {"content m b"}},
    {"snapshots by snapshotter",
     "content n a",
     {{"content n a", REF "snapshot.ross", "k"},
      {"content n a", REF "snapshot.ross/7", "l"},
      {"content n a", REF "snapshot", "m"},
      {"content n a", REF "snapshot./x", "m"}},
     {"snapshot - ross/k", "snapshot - ross/l"},
     {"snapshot - overlayfs/k", "snapshot - ross/m"}},
    {"images and containers",
     "container n c",
     {{"container n c", REF "image", "i"}, {"image n i", REF "content", "b"}},
     {"image n i", "content n b"},
     {"content n c"}},
    {"back references live with their target",
     "image n i",
     {{"content n a", BREF "image", "i"},
      {"content n b", BREF "content.x", "a"},
      {"content n c", BREF "container", "x"},
      {"snapshot - s/k", BREF "snapshot.s", "other"}},
     {"content n a", "content n b"},
     {"content n c", "snapshot - s/k"}},
    {"cycles end",
     "content n a",
     {{"content n a", REF "content", "b"}, {"content n b", REF "content", "a"}},
     {"content n a", "content n b"},
     {0}},
    {"gc.root",
     NULL,
     {{"content n a", "containerd.io/gc.root", "yes"},
      {"snapshot - s/k", "containerd.io/gc.root", "x"},
      {"content n b", "containerd.io/gc.rooted", "1"},
      {"image n i", "containerd.io/gc.root", "1"}},
     {"content n a", "snapshot - s/k"},
     {"content n b", "image n i"}},
};

static void
what_labels_keep(void **state)
{
    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_PTR(gc_graph) g = gc_graph_new();

        for (size_t k = 0; k < 4 && rows[i].edges[k][0]; k++) {
            AUTO(labels) l = {0};

            labels_set(&l, rows[i].edges[k][1], rows[i].edges[k][2]);
            gc_graph_labels(g, node(g, rows[i].edges[k][0]), &l);
        }
        if (rows[i].root)
            gc_graph_root(g, node(g, rows[i].root), "test");
        for (size_t k = 0; k < 4; k++) {
            if (rows[i].kept[k])
                (void) node(g, rows[i].kept[k]);
            if (rows[i].gone[k])
                (void) node(g, rows[i].gone[k]);
        }
        gc_graph_mark(g);
        for (size_t k = 0; k < 4; k++) {
            if (rows[i].kept[k] && !gc_graph_is_kept(g, node(g, rows[i].kept[k])))
                fail_msg("%s: '%s' is gone", rows[i].name, rows[i].kept[k]);
            if (rows[i].gone[k] && gc_graph_is_kept(g, node(g, rows[i].gone[k])))
                fail_msg("%s: '%s' is kept", rows[i].name, rows[i].gone[k]);
        }
    }
}

static void
flat_roots_keep_only_parents(void **state)
{
    AUTO_PTR(gc_graph) g = gc_graph_new();
    AUTO(labels) l = {0};
    gc_id lease, a, b, top, base;
    struct gc_node_view v;

    (void) state;
    lease = gc_graph_node(g, GC_LEASE, "n", "l");
    a = gc_graph_node(g, GC_CONTENT, "n", "a");
    b = gc_graph_node(g, GC_CONTENT, "n", "b");
    top = gc_graph_node(g, GC_SNAPSHOT, "", "s/top");
    base = gc_graph_node(g, GC_SNAPSHOT, "", "s/base");
    labels_set(&l, REF "content", "b");
    gc_graph_labels(g, a, &l);
    gc_graph_labels(g, top, &l); /* of a snapshot in no namespace: another content */
    gc_graph_ref(g, top, base);
    gc_graph_root(g, lease, "lease");
    gc_graph_root_flat(g, a, lease);
    gc_graph_root_flat(g, top, lease);
    gc_graph_mark(g);
    assert_true(gc_graph_is_kept(g, a));
    assert_false(gc_graph_is_kept(g, b));
    assert_true(gc_graph_is_kept(g, top));
    assert_true(gc_graph_is_kept(g, base));
    gc_graph_view(g, a, &v);
    assert_true(v.has_parent);
    assert_int_equal(v.parent, lease);
}

/* Reached flat first, then through a full reference: what it refers to is kept. */
static void
a_full_reference_beats_a_flat_one(void **state)
{
    AUTO_PTR(gc_graph) g = gc_graph_new();
    gc_id lease, image, a, b;

    (void) state;
    a = gc_graph_node(g, GC_CONTENT, "n", "a");
    b = gc_graph_node(g, GC_CONTENT, "n", "b");
    lease = gc_graph_node(g, GC_LEASE, "n", "l");
    image = gc_graph_node(g, GC_IMAGE, "n", "i");
    gc_graph_ref(g, a, b);
    gc_graph_root_flat(g, a, lease);
    gc_graph_root(g, image, "image");
    gc_graph_ref(g, image, a);
    gc_graph_mark(g);
    assert_true(gc_graph_is_kept(g, b));
}

static void
a_hundred_thousand_in_a_row(void **state)
{
    enum { N = 100000 };
    AUTO_PTR(gc_graph) g = gc_graph_new();
    char key[32];

    (void) state;
    for (int i = 0; i < N; i++) {
        (void) snprintf(key, sizeof key, "%d", i);
        assert_int_equal(gc_graph_node(g, GC_CONTENT, "n", key), i);
    }
    for (gc_id i = 0; i + 1 < N / 2; i++)
        gc_graph_ref(g, i, i + 1);
    gc_graph_root(g, 0, "first");
    gc_graph_mark(g);
    assert_true(gc_graph_is_kept(g, N / 2 - 1));
    assert_false(gc_graph_is_kept(g, N / 2));
    assert_int_equal(gc_graph_node(g, GC_CONTENT, "n", "777"), 777);
}

static void
expiry(void **state)
{
    int64_t now = 0;

    (void) state;
    assert_int_equal(clock_parse("2026-01-02T03:04:05Z", &now, NULL), 0);
    assert_true(gc_is_expired("2026-01-02T03:04:05Z", now));
    assert_true(gc_is_expired("2026-01-02T04:04:04+01:00", now));
    assert_false(gc_is_expired("2026-01-02T03:04:05.1Z", now));
    assert_false(gc_is_expired("soon", now));
    assert_false(gc_is_expired(NULL, now));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_labels_keep),
        cmocka_unit_test(flat_roots_keep_only_parents),
        cmocka_unit_test(a_full_reference_beats_a_flat_one),
        cmocka_unit_test(a_hundred_thousand_in_a_row),
        cmocka_unit_test(expiry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
