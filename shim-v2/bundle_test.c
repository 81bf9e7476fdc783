/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bundle.h"
#include "libross/base/fd.h"

static void
spec_tells_group_pidns_and_systemd(void **state)
{
    static const struct {
        const char *json, *group, *rootfs;
        bool own_pidns, systemd;
    } rows[] = {
        {"{}", NULL, "/b/rootfs", false, false},
        {"{\"root\":{\"path\":\"/abs\"},\"linux\":{\"cgroupsPath\":\"/default/x\","
         "\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"pid\"}]}}",
         NULL, "/abs", true, false},
        {"{\"linux\":{\"cgroupsPath\":\"system.slice:nerdctl:x\","
         "\"namespaces\":[{\"type\":\"pid\",\"path\":\"/proc/1/ns/pid\"}]}}",
         NULL, "/b/rootfs", false, true},
        {"{\"annotations\":{\"io.kubernetes.cri.sandbox-id\":\"pod\"}}", "pod", "/b/rootfs", false,
         false},
        {"{\"annotations\":{\"io.kubernetes.cri.sandbox-id\":\"pod\","
         "\"io.containerd.runc.v2.group\":\"first\"}}",
         "first", "/b/rootfs", false, false},
        {"{\"process\":{\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"hard\":18446744073709551615,"
         "\"soft\":18446744073709551615}]},\"linux\":{\"cgroupsPath\":\"system.slice:a:b\"}}",
         NULL, "/b/rootfs", false, true},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(bundle_spec) s = {0};
        struct err err = {0};

        assert_ok(bundle_spec_parse("/b", rows[i].json, strlen(rows[i].json), &s, &err), &err);
        assert_string_equal(s.group ? s.group : "-", rows[i].group ? rows[i].group : "-");
        assert_string_equal(s.rootfs, rows[i].rootfs);
        assert_int_equal(s.own_pidns, rows[i].own_pidns);
        assert_int_equal(s.systemd, rows[i].systemd);
        assert_false(s.userns);
    }
}

static void
knows_user_namespaces(void **state)
{
    static const char *const texts[] = {
        "{\"linux\":{\"uidMappings\":[{\"containerID\":0,\"hostID\":9,\"size\":1}]}}",
        "{\"linux\":{\"namespaces\":[{\"type\":\"user\",\"path\":\"/x\"}]}}",
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        AUTO(bundle_spec) s = {0};
        struct err err = {0};

        assert_ok(bundle_spec_parse("/b", texts[i], strlen(texts[i]), &s, &err), &err);
        assert_true(s.userns);
    }
}

static void
missing_and_malformed_specs_are_named(void **state)
{
    struct bundle_spec s;
    struct err err = {0};

    (void) state;
    assert_code(bundle_spec_read("/nonexistent", &s, &err), CODE_FAILED_PRECONDITION, &err);
    assert_non_null(strstr(err.msg, "/nonexistent/config.json"));
    assert_code(bundle_spec_parse("/b", "{", 1, &s, &err), CODE_INVALID_ARGUMENT, &err);
}

static void
paths_of_a_spec_are_bounded(void **state)
{
    static const char *const starts[] = {
        "{\"annotations\":{\"io.kubernetes.cri.sandbox-id\":\"",
        "{\"root\":{\"path\":\"",
        "{\"linux\":{\"cgroupsPath\":\"",
    };
    char big[8192];

    (void) state;
    memset(big, 'x', sizeof big);
    big[sizeof big - 1] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        auto_free char *text = xasprintf("%s%s\"}}", starts[i], big);
        struct bundle_spec s;
        struct err err = {0};

        assert_code(bundle_spec_parse("/b", text, strlen(text), &s, &err), CODE_INVALID_ARGUMENT,
                    &err);
        assert_non_null(strstr(err.msg, "longer than"));
    }
}

static void
options_and_pids_survive_in_files(void **state)
{
    char *dir = test_tmpdir();
    AUTO(runc_options) o = {.binary_name = xstrdup("crun"), .root = xstrdup("/r")};
    AUTO(runc_options) back = {0};
    AUTO(runc_options) empty = {0};
    struct err err = {0};
    auto_free char *pid_file = xasprintf("%s/e.pid", dir);
    pid_t pid = 0;

    (void) state;
    assert_ok(bundle_write_options(dir, &o, &err), &err);
    bundle_read_options(dir, &back);
    assert_string_equal(back.binary_name, "crun");
    assert_string_equal(back.root, "/r");
    bundle_read_options("/nonexistent", &empty);
    assert_null(empty.binary_name);

    assert_ok(fd_write_file_at(AT_FDCWD, pid_file, "123\n", 4, 0600, &err), &err);
    assert_ok(bundle_read_pid(dir, "e.pid", &pid, &err), &err);
    assert_int_equal(pid, 123);
    assert_ok(fd_write_file_at(AT_FDCWD, pid_file, "0", 1, 0600, &err), &err);
    assert_code(bundle_read_pid(dir, "e.pid", &pid, &err), CODE_INTERNAL, &err);
    assert_code(bundle_read_pid(dir, "none.pid", &pid, &err), CODE_NOT_FOUND, &err);
    test_tmpdir_remove(dir);
}

static void
exit_is_read_until_it_is_forgotten(void **state)
{
    char *dir = test_tmpdir();
    auto_free char *path = xasprintf("%s/exit", dir);
    struct bundle_exit x = {.pid = 7, .status = 13, .exited_at_ns = 1234567890123456789}, back;
    struct err err = {0};

    (void) state;
    assert_false(bundle_read_exit(dir, &back));
    bundle_write_exit(dir, &x);
    assert_true(bundle_read_exit(dir, &back));
    assert_int_equal(back.pid, 7);
    assert_int_equal(back.status, 13);
    assert_int_equal(back.exited_at_ns, 1234567890123456789);
    bundle_forget_exit(dir);
    assert_false(bundle_read_exit(dir, &back));
    assert_ok(fd_write_file_at(AT_FDCWD, path, "7 x", 3, 0600, &err), &err);
    assert_false(bundle_read_exit(dir, &back));
    test_tmpdir_remove(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_user_namespaces),
        cmocka_unit_test(spec_tells_group_pidns_and_systemd),
        cmocka_unit_test(missing_and_malformed_specs_are_named),
        cmocka_unit_test(paths_of_a_spec_are_bounded),
        cmocka_unit_test(exit_is_read_until_it_is_forgotten),
        cmocka_unit_test(options_and_pids_survive_in_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
