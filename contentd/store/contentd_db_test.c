/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "contentd_db.h"
#include "ident.h"
#include "libross/base/test.h"

static void
identifiers(void **state)
{
    static const char *const good[] = {"a", "k8s.io", "moby", "a-b_c.d", "0", "A9"};
    static const char *const bad[] = {"",    ".",    "a.",  ".a", "a..b", "a-",
                                      "a/b", "../x", "a b", "ä",  "a\n"};
    char longest[IDENT_MAX + 2];
    struct err e = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_ok(ident_check(good[i], "x", &e), &e);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_code(ident_check(bad[i], "x", &e), CODE_INVALID_ARGUMENT, &e);
    memset(longest, 'a', sizeof longest);
    longest[IDENT_MAX + 1] = '\0';
    assert_code(ident_check(longest, "x", &e), CODE_INVALID_ARGUMENT, &e);
    longest[IDENT_MAX] = '\0';
    assert_ok(ident_check(longest, "x", &e), &e);
}

static void
namespace_of_a_call(void **state)
{
    struct err e = {0};
    const char *ns;

    (void) state;
    assert_code(ident_ns(NULL, &ns, &e), CODE_FAILED_PRECONDITION, &e);
    assert_code(ident_ns(&(struct call_ctx){0}, &ns, &e), CODE_FAILED_PRECONDITION, &e);
    assert_code(ident_ns(&(struct call_ctx){.ns = "a/b"}, &ns, &e), CODE_INVALID_ARGUMENT, &e);
    assert_ok(ident_ns(&(struct call_ctx){.ns = "default"}, &ns, &e), &e);
    assert_string_equal(ns, "default");
}

static void
labels_columns_and_meta(void **state)
{
    char *dir = test_tmpdir();
    AUTO(labels) l = {0};
    AUTO(labels) back = {0};
    auto_free char *value = NULL;
    auto_free void *packed = NULL;
    struct err e = {0};
    struct db *db = NULL;
    bool fresh;
    size_t n;

    (void) state;
    assert_ok(contentd_db_open(dir, false, &db, &fresh, &e), &e);
    assert_true(fresh);
    labels_set(&l, "b", "2");
    labels_set(&l, "a", "1");
    labels_set_raw(&l, "c", "");
    packed = contentd_db_pack_labels(&l, &n);
    assert_int_equal(n, 11);
    {
        AUTO(db_txn) t = {0};
        AUTO_PTR(db_stmt) q = NULL;

        assert_ok(db_txn_begin(db, DB_WRITE, &t, &e), &e);
        assert_ok(db_query(&t, &q, &e, "SELECT ?1, x'610062'", DB_BLOB(packed, n)), &e);
        assert_int_equal(db_stmt_next(q, &e), 1);
        back = contentd_db_labels(q, 0);
        assert_true(labels_equal(&l, &back));
        labels_done(&back);
        back = contentd_db_labels(q, 1);
        assert_int_equal(back.n, 0);
        assert_ok(contentd_db_use_ns(&t, "x", &e), &e);
        assert_ok(contentd_db_use_ns(&t, "x", &e), &e);
        assert_code(contentd_db_meta_get(&t, "k", &value, &e), CODE_NOT_FOUND, &e);
        assert_ok(contentd_db_meta_set(&t, "k", "1", &e), &e);
        assert_ok(contentd_db_meta_set(&t, "k", "2", &e), &e);
        assert_ok(contentd_db_meta_get(&t, "k", &value, &e), &e);
        assert_string_equal(value, "2");
    }
    db_close(db);
    assert_ok(contentd_db_open(dir, false, &db, &fresh, &e), &e);
    assert_false(fresh);
    db_close(db);
    test_tmpdir_remove(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identifiers),
        cmocka_unit_test(namespace_of_a_call),
        cmocka_unit_test(labels_columns_and_meta),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
