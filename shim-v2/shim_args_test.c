/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <stdio.h>
#include <string.h>

#include "libross/base/mem.h"
#include "shim_args.h"

#define ARGS_MAX 16

static int
parse(const char *line, struct shim_args *ret, struct err *err)
{
    static char copy[1024];
    char *argv[ARGS_MAX] = {(char *) "shim"};
    int argc = 1;

    snprintf(copy, sizeof copy, "%s", line);
    for (char *w, *rest = copy; (w = strsep(&rest, " "));)
        if (*w)
            argv[argc++] = w;
    return shim_args_parse(argc, argv, ret, err);
}

static void
reads_what_containerd_writes(void **state)
{
    struct shim_args a;
    struct err err = {0};

    (void) state;
    assert_ok(parse("-namespace default -address /run/c.sock -publish-binary /usr/bin/containerd "
                    "-id one -debug start",
                    &a, &err),
              &err);
    assert_string_equal(a.ns, "default");
    assert_string_equal(a.address, "/run/c.sock");
    assert_string_equal(a.publish_binary, "/usr/bin/containerd");
    assert_string_equal(a.id, "one");
    assert_true(a.debug);
    assert_int_equal(a.action, SHIM_START);

    assert_ok(parse("--namespace=n --id=x --bundle=/b --debug=false delete", &a, &err), &err);
    assert_string_equal(a.bundle, "/b");
    assert_false(a.debug);
    assert_int_equal(a.action, SHIM_DELETE);

    assert_ok(parse("-namespace n -id x", &a, &err), &err);
    assert_int_equal(a.action, SHIM_SERVE);
    assert_ok(parse("-v", &a, &err), &err);
    assert_true(a.version);
    assert_ok(parse("-info", &a, &err), &err);
    assert_true(a.info);
}

static void
refuses_with_a_sentence(void **state)
{
    static const struct {
        const char *line, *says;
    } rows[] = {
        {"start", "namespace is empty"},
        {"-namespace n start", "id is empty"},
        {"-namespace n -id ../x start", "'../x'"},
        {"-namespace n/m -id x start", "'n/m'"},
        {"-namespace n -id x -colour red start", "not defined: -colour"},
        {"-namespace n -id x stop", "'stop'"},
        {"-namespace n -id", "needs an argument: -id"},
        {"-namespace n -id x ---y", "bad flag syntax"},
        {"-namespace n -id x -debug=maybe start", "-debug"},
    };
    struct shim_args a;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = {0};

        assert_code(parse(rows[i].line, &a, &err), CODE_INVALID_ARGUMENT, &err);
        if (!strstr(err.msg, rows[i].says))
            fail_msg("'%s' gave '%s'", rows[i].line, err.msg);
    }
}

static void
knows_good_ids(void **state)
{
    static const struct {
        const char *id;
        int code;
    } rows[] = {
        {"a", 0},
        {"A9.b_c-d", 0},
        {"", CODE_INVALID_ARGUMENT},
        {".", CODE_INVALID_ARGUMENT},
        {"a.", CODE_INVALID_ARGUMENT},
        {"-a", CODE_INVALID_ARGUMENT},
        {"a..b", CODE_INVALID_ARGUMENT},
        {"a/b", CODE_INVALID_ARGUMENT},
        {"a b", CODE_INVALID_ARGUMENT},
        {"\xc3\xa9", CODE_INVALID_ARGUMENT},
    };
    char longest[SHIM_ID_MAX + 2];

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = {0};

        assert_int_equal(shim_id_validate("id", rows[i].id, &err), -rows[i].code);
    }
    memset(longest, 'x', sizeof longest);
    longest[SHIM_ID_MAX + 1] = '\0';
    assert_int_equal(shim_id_validate("id", longest, NULL), -CODE_INVALID_ARGUMENT);
    longest[SHIM_ID_MAX] = '\0';
    assert_int_equal(shim_id_validate("id", longest, NULL), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_containerd_writes),
        cmocka_unit_test(refuses_with_a_sentence),
        cmocka_unit_test(knows_good_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
