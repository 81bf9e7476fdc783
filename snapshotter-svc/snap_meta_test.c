/* SPDX-License-Identifier: Apache-2.0 */
#include "snap_meta.h"

#include <string.h>

#include "libross/base/path.h"
#include "libross/base/test.h"
#include "libross/db/db.h"
#include "libross/db/db_stmt.h"
#include "libross/db/db_txn.h"

struct fixture {
    char *dir, *path;
    struct snap_meta *m;
};

static const struct labels no_labels;

static void
reopen(struct fixture *f)
{
    struct err err = {0};

    snap_meta_close(f->m);
    f->m = NULL;
    assert_ok(snap_meta_open(f->path, false, &f->m, &err), &err);
}

static int
setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);

    f->dir = test_tmpdir();
    f->path = path_join(f->dir, "s.db");
    reopen(f);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    snap_meta_close(f->m);
    test_tmpdir_remove(f->dir);
    free(f->path);
    free(f);
    return 0;
}

static uint64_t
add(struct fixture *f, enum snapshot_kind kind, const char *key, const char *parent,
    const struct labels *labels)
{
    AUTO(snap_chain) c = {0};
    struct err err = {0};

    assert_ok(snap_meta_begin(f->m, kind, key, parent, &c, &err), &err);
    assert_ok(snap_meta_insert(f->m, &c, key, parent, labels, &err), &err);
    return c.id;
}

static void
commit(struct fixture *f, const char *name, const char *key, const char *parent)
{
    AUTO(snap_chain) c = {0};
    struct snapshot_usage u = {.size_bytes = 4096, .inodes = 3};
    struct err err = {0};

    assert_ok(snap_meta_commit_check(f->m, name, key, parent, &c, &err), &err);
    assert_ok(snap_meta_commit(f->m, &c, name, key, parent, &no_labels, &u, &err), &err);
}

static void
everything_is_there_after_reopening(void **state)
{
    struct fixture *f = *state;
    AUTO(labels) labels = {0};
    AUTO(snapshot_info) before = {0};
    AUTO(snapshot_info) after = {0};
    AUTO(snap_chain) c = {0};
    struct err err = {0};
    uint64_t id, again;

    labels_set(&labels, "a", "1");
    (void) add(f, SNAPSHOT_ACTIVE, "late", "", &no_labels);
    (void) add(f, SNAPSHOT_ACTIVE, "k1", "", &no_labels);
    commit(f, "l1", "k1", "");
    commit(f, "rebased", "late", "l1"); /* its parent has the higher id */
    id = add(f, SNAPSHOT_VIEW, "v", "rebased", &labels);
    assert_ok(snap_meta_stat(f->m, "v", &before, &id, &err), &err);
    reopen(f);
    assert_ok(snap_meta_stat(f->m, "v", &after, &again, &err), &err);
    assert_int_equal(id, again);
    assert_string_equal(after.parent, "rebased");
    assert_int_equal(after.kind, SNAPSHOT_VIEW);
    assert_true(after.created_ns == before.created_ns && after.updated_ns == before.updated_ns);
    assert_true(labels_equal(&after.labels, &labels));
    assert_ok(snap_meta_chain(f->m, "v", &c, &err), &err);
    assert_int_equal(c.n_parents, 2);
    snap_chain_done(&c);
    assert_ok(snap_meta_chain(f->m, "rebased", &c, &err), &err);
    assert_int_equal(c.usage.inodes, 3);
    assert_int_equal(c.usage.size_bytes, 4096);
    assert_code(snap_meta_remove(f->m, "rebased", &id, &err), CODE_FAILED_PRECONDITION, &err);
    assert_ok(snap_meta_verify(f->m, &err), &err);
}

static void
ids_are_never_used_again(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    uint64_t last = 0, id, removed;

    for (int i = 0; i < 200; i++) {
        id = add(f, SNAPSHOT_ACTIVE, "k", "", &no_labels);
        assert_true(id > last);
        last = id;
        assert_ok(snap_meta_remove(f->m, "k", &removed, &err), &err);
        assert_int_equal(removed, id);
        if (i % 50 == 0)
            reopen(f);
    }
    assert_true(last < 400); /* and not many are skipped */
}

static void
a_parent_that_goes_meanwhile_is_missed(void **state)
{
    struct fixture *f = *state;
    AUTO(snap_chain) c = {0};
    struct err err = {0};
    uint64_t id;

    (void) add(f, SNAPSHOT_ACTIVE, "k", "", &no_labels);
    commit(f, "l", "k", "");
    assert_ok(snap_meta_begin(f->m, SNAPSHOT_ACTIVE, "x", "l", &c, &err), &err);
    assert_ok(snap_meta_remove(f->m, "l", &id, &err), &err);
    assert_code(snap_meta_insert(f->m, &c, "x", "l", &no_labels, &err), CODE_NOT_FOUND, &err);
    (void) add(f, SNAPSHOT_ACTIVE, "k", "", &no_labels);
    commit(f, "l", "k", ""); /* another one of that name */
    assert_code(snap_meta_insert(f->m, &c, "x", "l", &no_labels, &err), CODE_NOT_FOUND, &err);
}

static void
a_key_that_is_another_by_now_is_not_committed(void **state)
{
    struct fixture *f = *state;
    AUTO(snap_chain) c = {0};
    struct snapshot_usage u = {0};
    struct err err = {0};
    uint64_t id;

    (void) add(f, SNAPSHOT_ACTIVE, "k", "", &no_labels);
    assert_ok(snap_meta_commit_check(f->m, "l", "k", "", &c, &err), &err);
    assert_ok(snap_meta_remove(f->m, "k", &id, &err), &err);
    (void) add(f, SNAPSHOT_ACTIVE, "k", "", &no_labels);
    assert_code(snap_meta_commit(f->m, &c, "l", "k", "", &no_labels, &u, &err), CODE_NOT_FOUND,
                &err);
}

static void
marks_are_kept_as_promised(void **state)
{
    struct fixture *f = *state;
    AUTO(snap_chain) c = {0};
    AUTO(snap_chain) later = {0};
    struct err err = {0};
    uint64_t id = add(f, SNAPSHOT_ACTIVE, "k", "", &no_labels);

    assert_ok(snap_meta_mark_overlay_form(f->m, id, &err), &err);
    snap_meta_mark_synced(f->m, id, 5);
    assert_ok(snap_meta_chain(f->m, "k", &c, &err), &err);
    assert_true(c.overlay_form);
    assert_int_equal(c.synced_ns, 5);
    reopen(f);
    assert_ok(snap_meta_chain(f->m, "k", &later, &err), &err);
    assert_true(later.overlay_form);
    assert_int_equal(later.synced_ns, 0);
    assert_code(snap_meta_mark_overlay_form(f->m, id + 1, &err), CODE_NOT_FOUND, &err);
}

static void
recovery_is_due_once_a_boot(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    uint64_t id;

    assert_true(snap_meta_machine_restarted(f->m));
    assert_ok(snap_meta_recovered(f->m, 41, &err), &err);
    assert_false(snap_meta_machine_restarted(f->m));
    assert_int_equal(snap_meta_known_from(f->m), 42);
    id = add(f, SNAPSHOT_ACTIVE, "k", "", &no_labels);
    assert_int_equal(id, 42);
    reopen(f);
    assert_false(snap_meta_machine_restarted(f->m));
    assert_int_equal(snap_meta_known_from(f->m), 42);
    assert_true(snap_meta_first_new_id(f->m) > 42);
}

static void
spoil(struct fixture *f, const char *sql)
{
    static const char *const none[] = {NULL, NULL};
    AUTO(db_txn) t = {0};
    AUTO_DB db = NULL;
    struct err err = {0};

    snap_meta_close(f->m);
    f->m = NULL;
    assert_ok(db_open(&(struct db_options){.path = f->path, .migrations = none, .n_migrations = 2},
                      &db, &err),
              &err);
    assert_ok(db_txn_begin(db, DB_WRITE, &t, &err), &err);
    assert_true(db_run(&t, &err, sql) >= 0);
    assert_ok(db_txn_commit(&t, &err), &err);
}

static void
damage_is_named(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};

    (void) add(f, SNAPSHOT_ACTIVE, "k", "", &no_labels);
    spoil(f, "UPDATE snapshots SET parent = 999");
    assert_code(snap_meta_open(f->path, false, &f->m, &err), CODE_DATA_LOSS, &err);
    assert_non_null(strstr(err.msg, "999"));
    spoil(f, "UPDATE snapshots SET parent = NULL, labels = x'6100'");
    assert_code(snap_meta_open(f->path, false, &f->m, &err), CODE_DATA_LOSS, &err);
    spoil(f, "UPDATE snapshots SET labels = NULL, kind = 9");
    assert_code(snap_meta_open(f->path, false, &f->m, &err), CODE_DATA_LOSS, &err);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everything_is_there_after_reopening, setup, teardown),
        cmocka_unit_test_setup_teardown(ids_are_never_used_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_parent_that_goes_meanwhile_is_missed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_that_is_another_by_now_is_not_committed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(marks_are_kept_as_promised, setup, teardown),
        cmocka_unit_test_setup_teardown(recovery_is_due_once_a_boot, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_named, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
