/* SPDX-License-Identifier: Apache-2.0 */
#include "run_options.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/base/mem.h"
#include "libross/base/test.h"

static void
parses_volumes(void **state)
{
    static const struct {
        const char *text, *source, *target;
        bool fine, named, read_only;
        size_t options;
    } rows[] = {
        {"/a:/b", "/a", "/b", true, false, false, 0},
        {"/a:/b:ro", "/a", "/b", true, false, true, 0},
        {"/a:/b/../c/:rw", "/a", "/c", true, false, false, 0},
        {"./x:/b", "./x", "/b", true, false, false, 0},
        {".:/b", ".", "/b", true, false, false, 0},
        {"data:/b", "data", "/b", true, true, false, 0},
        {"/a:/b:ro,rslave,z", "/a", "/b", true, false, true, 1},
        {"a", NULL, NULL, false, false, false, 0},
        {"/a:", NULL, NULL, false, false, false, 0},
        {":/b", NULL, NULL, false, false, false, 0},
        {"/a:b", NULL, NULL, false, false, false, 0},
        {"/a:/b:rx", NULL, NULL, false, false, false, 0},
        {"/a:/b:ro:x", NULL, NULL, false, false, false, 0},
        {"/a:/b:", NULL, NULL, false, false, false, 0},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(volume_spec) v = {0};
        struct err err = {0};
        int r = volume_spec_parse(rows[i].text, &v, &err);

        if (!rows[i].fine) {
            assert_code(r, CODE_INVALID_ARGUMENT, &err);
            assert_non_null(strstr(err.msg, rows[i].text));
            continue;
        }
        assert_ok(r, &err);
        assert_string_equal(v.source, rows[i].source);
        assert_string_equal(v.target, rows[i].target);
        assert_int_equal(v.named, rows[i].named);
        assert_int_equal(v.read_only, rows[i].read_only);
        assert_int_equal(v.options.n, rows[i].options);
    }
}

static void
reads_environment_files(void **state)
{
    static const char text[] = "# comment\nA=1\n\n  B=two words\r\nFROM_US\nNOT_SET_ANYWHERE\nC=\n";
    char *dir = test_tmpdir();
    auto_free char *path = xasprintf("%s/env", dir);
    AUTO(strv) env = {0};
    struct err err = {0};

    (void) state;
    (void) setenv("FROM_US", "x=y", 1);
    assert_ok(fd_write_file_at(AT_FDCWD, path, text, strlen(text), 0600, &err), &err);
    assert_ok(run_env_file(&env, path, &err), &err);
    assert_int_equal(env.n, 4);
    assert_string_equal(env.items[0], "A=1");
    assert_string_equal(env.items[1], "B=two words");
    assert_string_equal(env.items[2], "FROM_US=x=y");
    assert_string_equal(env.items[3], "C=");
    assert_ok(fd_write_file_at(AT_FDCWD, path, "=x\n", 3, 0600, &err), &err);
    assert_code(run_env_file(&env, path, &err), CODE_INVALID_ARGUMENT, &err);
    assert_code(run_env_file(&env, "/nonexistent/file", &err), CODE_NOT_FOUND, &err);
    test_tmpdir_remove(dir);
}

/* Parses a command line and turns it into spec options; the code, and the spec when it is 0. */
static int
spec_of(const char *line, const char *root, struct arena *arena, struct spec_options *ret,
        struct err *err)
{
    AUTO(strv) words = strv_split(line, ' ');
    struct run_options opt = {0};
    struct json *seccomp = NULL;
    int at, r;

    r = options_parse(run_option_rows, run_option_rows_n, &opt, (int) words.n, words.items, true,
                      &at, err);
    if (r == 0)
        r = run_options_to_spec(&opt, root, arena, ret, &seccomp, err);
    json_free(seccomp);
    options_done(run_option_rows, run_option_rows_n, &opt);
    return r;
}

static void
turns_options_into_a_spec(void **state)
{
    char *root = test_tmpdir();
    AUTO(arena) arena = {0};
    struct spec_options o = {0};
    struct err err = {0};

    (void) state;
    assert_ok(spec_of("run -v /tmp:/t:ro -v vol:/v --tmpfs /x:size=1m --mount "
                      "type=bind,src=/tmp,dst=/m,readonly --device /dev/null:/dev/n:r --cpus 1.5 "
                      "--memory 10m --memory-swap -1 --network host --pid host --security-opt "
                      "no-new-privileges --sysctl net.core.somaxconn=5",
                      root, &arena, &o, &err),
              &err);
    assert_int_equal(o.n_mounts, 4);
    assert_string_equal(o.mounts[0].source, "/tmp");
    assert_true(o.mounts[0].read_only);
    assert_true(strncmp(o.mounts[1].source, root, strlen(root)) == 0);
    assert_int_equal(access(o.mounts[1].source, F_OK), -1); /* made with its container */
    assert_string_equal(o.mounts[2].type, "tmpfs");
    assert_true(o.mounts[3].read_only);
    assert_int_equal(o.n_devices, 1);
    assert_int_equal(o.devices[0].major, 1);
    assert_int_equal(o.devices[0].minor, 3);
    assert_string_equal(o.devices[0].access, "r");
    assert_int_equal(o.nano_cpus, 1500000000);
    assert_int_equal(o.memory_bytes, 10 << 20);
    assert_int_equal(o.memory_swap_bytes, -1);
    assert_int_equal(o.network.mode, SPEC_NS_HOST);
    assert_int_equal(o.pid.mode, SPEC_NS_HOST);
    assert_true(o.no_new_privileges);
    assert_string_equal(labels_find(&o.sysctls, "net.core.somaxconn"), "5");
    run_spec_done(&o);
    test_tmpdir_remove(root);
}

static void
refuses_options_that_make_no_sense(void **state)
{
    static const struct {
        const char *line, *names;
        int code;
    } rows[] = {
        {"run -v /no/such/dir:/x", "/no/such/dir", CODE_NOT_FOUND},
        {"run --mount type=bind,dst=/x", "src=", CODE_INVALID_ARGUMENT},
        {"run --mount type=nfs,src=/a,dst=/x", "nfs", CODE_INVALID_ARGUMENT},
        {"run --mount dst=/x,what=1", "what", CODE_INVALID_ARGUMENT},
        {"run --tmpfs x", "--tmpfs", CODE_INVALID_ARGUMENT},
        {"run --device /etc/passwd", "/etc/passwd", CODE_INVALID_ARGUMENT},
        {"run --device /dev/nosuch", "/dev/nosuch", CODE_NOT_FOUND},
        {"run --device /dev/null:/x:q", "q", CODE_INVALID_ARGUMENT},
        {"run --cpus 0", "--cpus", CODE_INVALID_ARGUMENT},
        {"run --cpus 1.5.5", "--cpus", CODE_INVALID_ARGUMENT},
        {"run --cpus 99999999999999999999", "--cpus", CODE_INVALID_ARGUMENT},
        {"run --pid bogus", "bogus", CODE_INVALID_ARGUMENT},
        {"run --security-opt bogus", "bogus", CODE_INVALID_ARGUMENT},
        {"run --security-opt seccomp=/no/such", "/no/such", CODE_NOT_FOUND},
        {"run --sysctl a", "--sysctl", CODE_INVALID_ARGUMENT},
        {"run --ulimit nofile", "nofile", CODE_INVALID_ARGUMENT},
        {"run --memory lots", "lots", CODE_INVALID_ARGUMENT},
        {"run --memory-swap lots", "lots", CODE_INVALID_ARGUMENT},
        {"run --no-such-option", "no-such-option", CODE_INVALID_ARGUMENT},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(arena) arena = {0};
        struct spec_options o = {0};
        struct err err = {0};

        assert_code(spec_of(rows[i].line, "/nonexistent", &arena, &o, &err), rows[i].code, &err);
        if (!strstr(err.msg, rows[i].names))
            fail_msg("'%s' says '%s'", rows[i].line, err.msg);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_volumes),
        cmocka_unit_test(reads_environment_files),
        cmocka_unit_test(turns_options_into_a_spec),
        cmocka_unit_test(refuses_options_that_make_no_sense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
