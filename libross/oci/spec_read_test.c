/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/oci/spec_read.h"

#include <string.h>

#include "libross/base/buf.h"
#include "libross/base/test.h"
#include "libross/oci/spec.h"

static int
read_text(const char *text, struct spec_read *ret, struct err *err)
{
    return spec_read(text, strlen(text), ret, err);
}

static void
reads_its_fields_and_skips_the_rest(void **state)
{
    static const char text[] =
        "{ \"ociVersion\": "
        "\"1.0.2\",\n\"process\":{\"terminal\":true,\"user\":{\"uid\":7,\"gid\":4294967295,"
        "\"additionalGids\":[1,2]},\"args\":[\"a\\\"]}\",\"\\u00fc\\ud83d\\udc0b\"],\"rlimits\":[{"
        "\"type\":"
        "\"RLIMIT_CORE\",\"hard\":18446744073709551615,\"soft\":0}],\"env\":null},\"root\":{"
        "\"path\":"
        "\"/r\\u00fc\\t\\/"
        "x\",\"readonly\":true},\"mounts\":[[],{},1.5e-3],\"annotations\":{\"a\":\"b\","
        "\"io.kubernetes.cri.sandbox-id-and-a-long-tail\":\"\",\"\":\"x\"},\"linux\":{"
        "\"cgroupsPath\":"
        "\"s.slice:p:n\",\"namespaces\":[{\"type\":\"pid\"},{\"path\":\"/proc/1/ns/"
        "user\",\"type\":\"user\"},"
        "{\"type\":\"network\",\"path\":\"/"
        "x\"}],\"uidMappings\":[{\"containerID\":0,\"hostID\":100000,"
        "\"size\":65536},{\"containerID\":1,\"hostID\":2,\"size\":3}],\"gidMappings\":null,"
        "\"seccomp\":{"
        "\"syscalls\":[{\"names\":[\"x\"]}]}}}\n";
    AUTO(spec_read) s = {0};
    struct err err = {0};

    (void) state;
    assert_ok(read_text(text, &s, &err), &err);
    assert_true(s.terminal);
    assert_int_equal(s.uid, 7);
    assert_true(s.gid == UINT32_MAX);
    assert_string_equal(s.root_path, "/r\xc3\xbc\t/x");
    assert_true(s.root_readonly);
    assert_string_equal(s.cgroups_path, "s.slice:p:n");
    assert_true(s.own_pid_namespace);
    assert_string_equal(s.user_namespace, "/proc/1/ns/user");
    assert_int_equal(s.annotations.n, 2);
    assert_string_equal(labels_find(&s.annotations, "a"), "b");
    assert_string_equal(labels_find(&s.annotations, "io.kubernetes.cri.sandbox-id-and-a-long-tail"),
                        "");
    assert_int_equal(s.n_uid_maps, 2);
    assert_int_equal(s.uid_maps[0].host_id, 100000);
    assert_int_equal(s.uid_maps[1].size, 3);
    assert_int_equal(s.n_gid_maps, 0);
}

static void
absent_fields_are_empty(void **state)
{
    AUTO(spec_read) empty = {0};
    AUTO(spec_read) shared = {0};
    struct err err = {0};

    (void) state;
    assert_ok(read_text("{}", &empty, &err), &err);
    assert_null(empty.root_path);
    assert_false(empty.own_pid_namespace);
    assert_ok(
        read_text("{\"linux\":{\"namespaces\":[{\"type\":\"pid\",\"path\":\"/proc/1/ns/pid\"}]},"
                  "\"annotations\":null,\"process\":null}",
                  &shared, &err),
        &err);
    assert_false(shared.own_pid_namespace);
}

static void
reads_what_spec_build_makes(void **state)
{
    struct strv args = {0};
    struct spec_options o = {.cgroups_path = "/ross/x",
                             .user = {.uid = 5, .gid = 6},
                             .terminal = true,
                             .read_only = true};
    AUTO(oci_config) image = {0};
    AUTO_PTR(json) spec = NULL;
    auto_free char *text = NULL;
    AUTO(spec_read) s = {0};
    struct err err = {0};

    (void) state;
    strv_add(&args, "sh");
    o.args = args;
    labels_set_raw(&o.annotations, "k", "v");
    assert_ok(spec_build(&image, &o, &spec, &err), &err);
    text = json_dump_pretty(spec);
    assert_ok(read_text(text, &s, &err), &err);
    assert_string_equal(s.root_path, "rootfs");
    assert_string_equal(s.cgroups_path, "/ross/x");
    assert_int_equal(s.gid, 6);
    assert_true(s.terminal && s.root_readonly && s.own_pid_namespace);
    assert_string_equal(labels_find(&s.annotations, "k"), "v");
    labels_done(&o.annotations);
    strv_done(&args);
}

static void
malformed_specs_are_invalid(void **state)
{
    static const char *const rows[] = {
        "",
        "[]",
        "{",
        "{}x",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":tru}",
        "{\"a\":[1 2]}",
        "{\"a\":[1,]}",
        "{\"a\":\"x}",
        "{\"a\":\"\n\"}",
        "{\"root\":[]}",
        "{\"root\":{\"path\":5}}",
        "{\"root\":{\"path\":\"\\u0000\"}}",
        "{\"root\":{\"path\":\"\\ud800\"}}",
        "{\"root\":{\"path\":\"\\ud800\\u0041\"}}",
        "{\"root\":{\"path\":\"\\q\"}}",
        "{\"root\":{\"path\":\"\\u12\"}}",
        "{\"process\":{\"user\":{\"uid\":-1}}}",
        "{\"process\":{\"user\":{\"uid\":4294967296}}}",
        "{\"process\":{\"terminal\":1}}",
        "{\"annotations\":[]}",
        "{\"annotations\":{\"a\":1}}",
        "{\"linux\":{\"namespaces\":{}}}",
        "{\"linux\":{\"uidMappings\":[{\"size\":\"1\"}]}}",
    };
    AUTO(buf) deep = BUF_INIT(1 << 20);
    struct spec_read s = {0};
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (read_text(rows[i], &s, &err) != -CODE_INVALID_ARGUMENT)
            fail_msg("taken: %s", rows[i]);
    assert_ok(buf_append_str(&deep, "{\"a\":", &err), &err);
    for (int i = 0; i < 100000; i++)
        assert_ok(buf_append_str(&deep, "[", &err), &err);
    assert_code(read_text(deep.data, &s, &err), CODE_INVALID_ARGUMENT, &err);
    assert_code(spec_read("{", SPEC_SIZE_MAX + 1, &s, &err), CODE_INVALID_ARGUMENT, &err);
    buf_clear(&deep);
    assert_ok(buf_append_str(&deep, "{\"linux\":{\"gidMappings\":[{}", &err), &err);
    for (int i = 0; i < SPEC_ID_MAPS_MAX; i++)
        assert_ok(buf_append_str(&deep, ",{}", &err), &err);
    assert_ok(buf_append_str(&deep, "]}}", &err), &err);
    assert_code(read_text(deep.data, &s, &err), CODE_INVALID_ARGUMENT, &err);
    assert_null(s.gid_maps);
}

static void
terminal_of_a_process_is_set_and_nothing_else_changes(void **state)
{
    static const struct {
        const char *from, *to;
        bool terminal;
    } rows[] = {
        {"{\"terminal\": true, \"x\":18446744073709551615}",
         "{\"terminal\": false, \"x\":18446744073709551615}", false},
        {"{\"x\":{\"terminal\":true},\"terminal\":null}",
         "{\"x\":{\"terminal\":true},\"terminal\":true}", true},
        {" { }", "{\"terminal\":true }", true},
        {"{\"args\":[\"a\"]}\n", "{\"terminal\":false,\"args\":[\"a\"]}\n", false},
    };
    static const char *const refused[] = {"", "[]", "{", "{}x", "{\"terminal\":1,\"terminal\":2}"};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(buf) out = BUF_INIT(1000);
        struct err err = {0};

        assert_ok(spec_process_set_terminal(rows[i].from, strlen(rows[i].from), rows[i].terminal,
                                            &out, &err),
                  &err);
        assert_string_equal(out.data, rows[i].to);
    }
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        AUTO(buf) out = BUF_INIT(1000);
        struct err err = {0};

        assert_code(spec_process_set_terminal(refused[i], strlen(refused[i]), true, &out, &err),
                    CODE_INVALID_ARGUMENT, &err);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(terminal_of_a_process_is_set_and_nothing_else_changes),
        cmocka_unit_test(reads_its_fields_and_skips_the_rest),
        cmocka_unit_test(absent_fields_are_empty),
        cmocka_unit_test(reads_what_spec_build_makes),
        cmocka_unit_test(malformed_specs_are_invalid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
