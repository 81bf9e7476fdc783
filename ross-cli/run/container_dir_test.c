/* SPDX-License-Identifier: Apache-2.0 */
#include "container_dir.h"

#include <string.h>

#include "libross/base/mem.h"
#include "libross/base/test.h"

static void
checks_names_as_docker_does(void **state)
{
    static const struct {
        const char *name;
        bool fine;
    } rows[] = {
        {"web", true},  {"a1", true},  {"A.b_c-d", true},  {"a", false},
        {"", false},    {"-x", false}, {".hidden", false}, {"a/b", false},
        {"a b", false}, {"..", false}, {"0db", true},
    };
    char *longest = xcalloc(1, 200);

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(container_name_check(rows[i].name, NULL) == 0, rows[i].fine);
    memset(longest, 'a', 128);
    assert_int_equal(container_name_check(longest, NULL), 0);
    longest[128] = 'a';
    assert_true(container_name_check(longest, NULL) < 0);
    free(longest);
}

static void
gives_a_name_to_one_container(void **state)
{
    char *root = test_tmpdir();
    struct err err = {0};

    (void) state;
    assert_ok(container_name_reserve(root, "default", "web", "aaaa", false, &err), &err);
    assert_code(container_name_reserve(root, "default", "web", "bbbb", false, &err),
                CODE_ALREADY_EXISTS, &err);
    assert_non_null(strstr(err.msg, "aaaa"));
    /* another namespace is another world */
    assert_ok(container_name_reserve(root, "other", "web", "cccc", false, &err), &err);
    /* only the owner releases it */
    container_name_release(root, "default", "web", "bbbb");
    assert_code(container_name_reserve(root, "default", "web", "bbbb", false, &err),
                CODE_ALREADY_EXISTS, &err);
    container_name_release(root, "default", "web", "aaaa");
    assert_ok(container_name_reserve(root, "default", "web", "bbbb", false, &err), &err);
    test_tmpdir_remove(root);
}

static void
remembers_how_a_container_ended(void **state)
{
    struct container_state in = {.started = true,
                                 .finished = true,
                                 .started_ns = 1700000000000000001,
                                 .finished_ns = 1700000001500000000,
                                 .exit_code = 137};
    struct container_state out;
    char *root = test_tmpdir();
    struct err err = {0};

    (void) state;
    assert_ok(container_state_read(root, "default", "x", &out, &err), &err);
    assert_false(out.started);
    assert_ok(container_state_write(root, "default", "x", &in, &err), &err);
    assert_ok(container_state_read(root, "default", "x", &out, &err), &err);
    assert_true(out.started && out.finished);
    assert_int_equal(out.started_ns, in.started_ns);
    assert_int_equal(out.finished_ns, in.finished_ns);
    assert_int_equal(out.exit_code, 137);
    assert_ok(container_dir_remove(root, "default", "x", &err), &err);
    assert_ok(container_state_read(root, "default", "x", &out, &err), &err);
    assert_false(out.finished);
    test_tmpdir_remove(root);
}

static void
generates_names_that_pass_the_check(void **state)
{
    (void) state;
    for (int i = 0; i < 1000; i++) {
        auto_free char *name = container_name_generate();
        assert_int_equal(container_name_check(name, NULL), 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_names_as_docker_does),
        cmocka_unit_test(gives_a_name_to_one_container),
        cmocka_unit_test(remembers_how_a_container_ended),
        cmocka_unit_test(generates_names_that_pass_the_check),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
