/* SPDX-License-Identifier: Apache-2.0 */
#include "snap_rows.h"

#include <string.h>

#include "libross/base/path.h"
#include "libross/base/test.h"
#include "libross/db/db.h"
#include "libross/db/db_stmt.h"
#include "libross/db/db_txn.h"
#include "snap_index.h"

struct fixture {
    char *dir, *path;
    struct snap_rows *rows;
    struct snap_index index;
};

static int
setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);

    f->dir = test_tmpdir();
    f->path = path_join(f->dir, "s.db");
    snap_index_init(&f->index);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    snap_rows_close(f->rows);
    snap_index_done(&f->index);
    test_tmpdir_remove(f->dir);
    free(f->path);
    free(f);
    return 0;
}

static void
open_rows(struct fixture *f)
{
    struct err err = {0};

    assert_ok(snap_rows_open(f->path, false, &f->rows, &err), &err);
}

/* What the next start finds. */
static int
reload(struct fixture *f, struct snap_rows_state *state, struct err *err)
{
    snap_rows_close(f->rows);
    f->rows = NULL;
    snap_index_done(&f->index);
    snap_index_init(&f->index);
    open_rows(f);
    return snap_rows_load(f->rows, &f->index, state, err);
}

static void
insert(struct fixture *f, struct snap_node *n)
{
    struct err err = {0};

    assert_ok(snap_rows_insert(f->rows, n, &err), &err);
    snap_node_free(n);
}

static void
rows_come_back_as_nodes(void **state)
{
    struct fixture *f = *state;
    struct snap_node *n = snap_node_new(7, SNAPSHOT_ACTIVE, "key");
    AUTO(labels) labels = {0};
    struct snap_rows_state s;
    struct err err = {0};

    open_rows(f);
    labels_set(&labels, "a", "b");
    n->labels = snap_labels_pack(&labels, &n->labels_bytes);
    n->created_ns = 5;
    n->updated_ns = 6;
    insert(f, n);
    assert_false(snap_rows_is_synced(f->rows));
    assert_ok(snap_rows_sync(f->rows, &err), &err);
    assert_true(snap_rows_is_synced(f->rows));
    assert_ok(reload(f, &s, &err), &err);
    n = snap_index_find(&f->index, "key");
    assert_non_null(n);
    assert_int_equal(n->id, 7);
    assert_int_equal(n->created_ns, 5);
    assert_int_equal(n->updated_ns, 6);
    assert_memory_equal(n->labels, "a\0b", 4);
    assert_ok(snap_rows_delete(f->rows, n, &err), &err);
    assert_ok(reload(f, &s, &err), &err);
    assert_null(snap_index_find(&f->index, "key"));
}

static void
state_comes_back(void **state)
{
    struct fixture *f = *state;
    struct snap_rows_state s = {.ids_below = 64, .known_from = 3, .boot_id = "this one"};
    struct err err = {0};

    open_rows(f);
    assert_ok(snap_rows_recovered(f->rows, &s, &err), &err);
    s.known_from = 0; /* leaves it */
    assert_ok(snap_rows_recovered(f->rows, &s, &err), &err);
    assert_ok(snap_rows_set_ids_below(f->rows, 128, &err), &err);
    assert_ok(reload(f, &s, &err), &err);
    assert_int_equal(s.ids_below, 128);
    assert_int_equal(s.known_from, 3);
    assert_string_equal(s.boot_id, "this one");
}

static void
two_rows_of_one_name_are_damage(void **state)
{
    struct fixture *f = *state;
    struct snap_rows_state s;
    struct err err = {0};

    open_rows(f);
    insert(f, snap_node_new(1, SNAPSHOT_VIEW, "twin"));
    insert(f, snap_node_new(2, SNAPSHOT_VIEW, "twin"));
    assert_code(reload(f, &s, &err), CODE_DATA_LOSS, &err);
    assert_non_null(strstr(err.msg, "twin"));
}

/* As version 1 made it. */
static void
make_version_1(const char *path)
{
    static const char *const schema[] = {
        "CREATE TABLE snapshots (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, parent INTEGER,"
        " kind INTEGER NOT NULL, created_ns INTEGER NOT NULL, updated_ns INTEGER NOT NULL,"
        " size_bytes INTEGER NOT NULL DEFAULT 0, inodes INTEGER NOT NULL DEFAULT 0,"
        " flags INTEGER NOT NULL DEFAULT 0, labels BLOB);"
        "CREATE TABLE state (name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
        "INSERT INTO snapshots VALUES (4, 'below', NULL, 3, 10, 11, 4096, 2, 0, NULL);"
        "INSERT INTO snapshots VALUES (9, 'above', 4, 2, 12, 13, 0, 0, 1, x'6b007600');"
        "INSERT INTO state VALUES ('ids_below', 64);",
    };
    const struct db_options opt = {
        .path = path, .mode = DB_SERVICE, .migrations = schema, .n_migrations = 1};
    struct err err = {0};
    AUTO_DB db = NULL;

    assert_ok(db_open(&opt, &db, &err), &err);
}

static void
an_old_file_is_taken_over(void **state)
{
    struct fixture *f = *state;
    struct snap_rows_state s;
    struct snap_node *n;
    struct err err = {0};

    make_version_1(f->path);
    assert_ok(reload(f, &s, &err), &err);
    assert_int_equal(s.ids_below, 64);
    n = snap_index_find(&f->index, "above");
    assert_non_null(n);
    assert_int_equal(n->id, 9);
    assert_int_equal(n->kind, SNAPSHOT_ACTIVE);
    assert_true(n->overlay_form);
    assert_memory_equal(n->labels, "k\0v", 4);
    assert_non_null(n->parent);
    assert_string_equal(n->parent->name, "below");
    assert_int_equal(n->parent->usage.size_bytes, 4096);
    assert_ok(snap_rows_verify(f->rows, &err), &err);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_come_back_as_nodes, setup, teardown),
        cmocka_unit_test_setup_teardown(state_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(two_rows_of_one_name_are_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(an_old_file_is_taken_over, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
