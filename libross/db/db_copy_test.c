/* SPDX-License-Identifier: Apache-2.0 */
#include "db_copy.h"

#include <stdio.h>
#include <sys/stat.h>

#include "db_stmt.h"
#include "libross/base/test.h"

static const char *const steps[] = {"CREATE TABLE item (n INTEGER PRIMARY KEY)"};

static struct db *
open_at(const char *path)
{
    const struct db_options opt = {
        .path = path, .mode = DB_SERVICE, .migrations = steps, .n_migrations = 1};
    struct db *db = NULL;
    struct err err = {0};

    assert_ok(db_open(&opt, &db, &err), &err);
    return db;
}

static void
add(struct db *db, int n)
{
    AUTO(db_txn) t = {0};
    struct err err = {0};

    assert_ok(db_txn_begin(db, DB_WRITE, &t, &err), &err);
    assert_true(db_run(&t, &err, "INSERT INTO item VALUES (?1)", DB_INT(n)) >= 0);
    assert_ok(db_txn_commit(&t, &err), &err);
}

static int64_t
count(struct db *db)
{
    AUTO(db_txn) t = {0};
    AUTO_PTR(db_stmt) q = NULL;
    struct err err = {0};

    assert_ok(db_txn_begin(db, DB_READ, &t, &err), &err);
    assert_ok(db_query(&t, &q, &err, "SELECT count(*) FROM item"), &err);
    assert_int_equal(db_stmt_next(q, &err), 1);
    return db_stmt_int(q, 0);
}

static void
has_what_was_committed_and_is_private(void **state)
{
    char *dir = test_tmpdir();
    auto_free char *from = xasprintf("%s/a.db", dir), *to = xasprintf("%s/b.db", dir);
    struct db *db = open_at(from), *copy;
    struct err err = {0};
    struct stat st;

    (void) state;
    add(db, 1);
    add(db, 2);
    assert_ok(db_copy(from, to, &err), &err);
    add(db, 3);
    assert_int_equal(stat(to, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    copy = open_at(to);
    assert_int_equal(count(copy), 2);
    assert_int_equal(count(db), 3);
    db_close(copy);
    db_close(db);
    test_tmpdir_remove(dir);
}

static void
refuses_what_is_not_there_or_no_database(void **state)
{
    char *dir = test_tmpdir();
    auto_free char *from = xasprintf("%s/a.db", dir), *to = xasprintf("%s/b.db", dir);
    struct err err = {0};
    FILE *f;

    (void) state;
    assert_code(db_copy(from, to, &err), CODE_NOT_FOUND, &err);
    f = fopen(from, "we");
    assert_non_null(f);
    for (int i = 0; i < 2000; i++)
        (void) fputs("no database ", f);
    (void) fclose(f);
    err = (struct err){0};
    assert_code(db_copy(from, to, &err), CODE_DATA_LOSS, &err);
    test_tmpdir_remove(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_what_was_committed_and_is_private),
        cmocka_unit_test(refuses_what_is_not_there_or_no_database),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
