/* SPDX-License-Identifier: Apache-2.0 */
#include "db_stmt.h"

#include <string.h>

#include "libross/base/test.h"

static const char *const steps[] = {"CREATE TABLE v (id INTEGER PRIMARY KEY, i, t, b)"};

struct fixture {
    char *dir;
    struct db *db;
};

static int
setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    struct err e = {0};
    auto_free char *path = NULL;

    f->dir = test_tmpdir();
    path = xasprintf("%s/v.db", f->dir);
    assert_ok(db_open(&(struct db_options){.path = path, .migrations = steps, .n_migrations = 1},
                      &f->db, &e),
              &e);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    db_close(f->db);
    test_tmpdir_remove(f->dir);
    free(f);
    return 0;
}

static void
values_come_back_as_they_went(void **state)
{
    struct fixture *f = *state;
    AUTO(db_txn) t = {0};
    AUTO_PTR(db_stmt) q = NULL;
    struct err e = {0};
    const void *p;
    size_t n;

    assert_ok(db_txn_begin(f->db, DB_WRITE, &t, &e), &e);
    assert_int_equal(db_run(&t, &e, "INSERT INTO v (i, t, b) VALUES (?1, ?2, ?3)",
                            DB_INT(INT64_MIN), DB_TEXT("x'y"), DB_BLOB("\0\xff", 2)),
                     1);
    assert_int_equal(db_last_id(&t), 1);
    assert_int_equal(db_run(&t, &e, "INSERT INTO v (i, t, b) VALUES (?1, ?2, ?3)", DB_NULL,
                            DB_TEXT(NULL), DB_BLOB(NULL, 0)),
                     1);
    assert_ok(db_query(&t, &q, &e, "SELECT i, t, b FROM v ORDER BY id"), &e);
    assert_int_equal(db_stmt_next(q, &e), 1);
    assert_int_equal(db_stmt_int(q, 0), INT64_MIN);
    assert_string_equal(db_stmt_text(q, 1), "x'y");
    p = db_stmt_blob(q, 2, &n);
    assert_int_equal(n, 2);
    assert_memory_equal(p, "\0\xff", 2);
    assert_int_equal(db_stmt_next(q, &e), 1);
    assert_true(db_stmt_is_null(q, 0));
    assert_true(db_stmt_is_null(q, 1));
    assert_string_equal(db_stmt_text(q, 1), "");
    assert_false(db_stmt_is_null(q, 2));
    (void) db_stmt_blob(q, 2, &n);
    assert_int_equal(n, 0);
    assert_int_equal(db_stmt_next(q, &e), 0);
}

static void
one_text_nests(void **state)
{
    struct fixture *f = *state;
    AUTO(db_txn) t = {0};
    struct err e = {0};
    int pairs = 0;
    static const char sql[] = "SELECT i FROM v ORDER BY i";

    assert_ok(db_txn_begin(f->db, DB_WRITE, &t, &e), &e);
    for (int i = 0; i < 3; i++)
        assert_int_equal(db_run(&t, &e, "INSERT INTO v (i) VALUES (?1)", DB_INT(i)), 1);
    {
        AUTO_PTR(db_stmt) outer = NULL;

        assert_ok(db_query(&t, &outer, &e, sql), &e);
        while (db_stmt_next(outer, &e) > 0) {
            AUTO_PTR(db_stmt) inner = NULL;

            assert_ok(db_query(&t, &inner, &e, sql), &e);
            while (db_stmt_next(inner, &e) > 0)
                pairs++;
        }
    }
    assert_int_equal(pairs, 9);
    assert_ok(db_txn_commit(&t, &e), &e);
}

static void
rebinding_and_counts(void **state)
{
    struct fixture *f = *state;
    AUTO(db_txn) t = {0};
    struct err e = {0};

    assert_ok(db_txn_begin(f->db, DB_WRITE, &t, &e), &e);
    {
        AUTO_PTR(db_stmt) q = NULL;

        assert_ok(db_query(&t, &q, &e, "INSERT INTO v (i) VALUES (?1)", DB_INT(1)), &e);
        assert_int_equal(db_stmt_next(q, &e), 0);
        db_stmt_rebind(q, DB_INT(2));
        assert_int_equal(db_stmt_next(q, &e), 0);
    }
    assert_int_equal(db_run(&t, &e, "UPDATE v SET t = ?1", DB_TEXT("z")), 2);
    assert_int_equal(db_run(&t, &e, "UPDATE v SET t = ?1 WHERE i > 100", DB_TEXT("z")), 0);
    assert_int_equal(db_run(&t, &e, "DELETE FROM v WHERE i = 2"), 1);
    assert_int_equal(db_run(&t, &e, "DELETE FROM v WHERE i = 2"), 0);
    assert_true(db_run(&t, &e, "SELECT nothing FROM nowhere") < 0);
    assert_non_null(strstr(e.msg, "nowhere"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_come_back_as_they_went, setup, teardown),
        cmocka_unit_test_setup_teardown(one_text_nests, setup, teardown),
        cmocka_unit_test_setup_teardown(rebinding_and_counts, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
