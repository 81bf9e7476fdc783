/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "google/protobuf/any.pb-c.h"
#include "libross/base/buf.h"
#include "runc_options.h"
#include "types/runc/options/oci.pb-c.h"
#include "types/runtimeoptions/v1/api.pb-c.h"

static int
from_toml_body(const char *toml, struct runc_options *ret, struct err *err)
{
    Runtimeoptions__V1__Options m = RUNTIMEOPTIONS__V1__OPTIONS__INIT;
    unsigned char bytes[2 * PATH_MAX];
    size_t n;

    m.config_body.data = (unsigned char *) (uintptr_t) toml;
    m.config_body.len = strlen(toml);
    n = runtimeoptions__v1__options__pack(&m, bytes);
    return runc_options_from_any("runtimeoptions.v1.Options", bytes, n, ret, err);
}

static void
reads_runc_options_in_an_any(void **state)
{
    Containerd__Runc__V1__Options m = CONTAINERD__RUNC__V1__OPTIONS__INIT;
    Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
    unsigned char bytes[512], outer[1024];
    AUTO(runc_options) o = {0};
    struct err err = {0};

    (void) state;
    m.binary_name = (char *) "/usr/bin/crun";
    m.root = (char *) "/run/x";
    m.systemd_cgroup = 1;
    m.io_uid = 1000;
    any.type_url = (char *) "type.googleapis.com/containerd.runc.v1.Options";
    any.value.len = containerd__runc__v1__options__pack(&m, bytes);
    any.value.data = bytes;
    assert_ok(runc_options_from_bytes(outer, google__protobuf__any__pack(&any, outer), &o, &err),
              &err);
    assert_string_equal(o.binary_name, "/usr/bin/crun");
    assert_string_equal(o.root, "/run/x");
    assert_true(o.systemd_cgroup);
    assert_int_equal(o.io_uid, 1000);
    assert_null(o.shim_cgroup);
}

static void
reads_the_table_that_cri_writes(void **state)
{
    AUTO(runc_options) o = {0};
    struct err err = {0};

    (void) state;
    assert_ok(from_toml_body("# comment\nBinaryName = \"/opt/a \\\"b\\\"\" # why\nIoUid = 7\n"
                             "SystemdCgroup = true\nNoPivotRoot = false\nUnknown = [1, 2]\n",
                             &o, &err),
              &err);
    assert_string_equal(o.binary_name, "/opt/a \"b\"");
    assert_int_equal(o.io_uid, 7);
    assert_true(o.systemd_cgroup);
    assert_false(o.no_pivot_root);
}

static void
refuses_malformed_options(void **state)
{
    static const char *const bad[] = {
        "SystemdCgroup = maybe\n",
        "SystemdCgroup = \"true\"\n",
        "IoUid = -1\n",
        "IoUid = 4294967296\n",
        "BinaryName = crun\n",
        "BinaryName = \"crun\n",
        "just words\n",
    };
    struct runc_options o = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = {0};

        assert_code(from_toml_body(bad[i], &o, &err), CODE_INVALID_ARGUMENT, &err);
    }
    assert_int_equal(runc_options_from_bytes("\xff\xff", 2, &o, NULL), -CODE_INVALID_ARGUMENT);
    assert_int_equal(runc_options_from_any("containerd.runc.v1.Options", "\xff\xff", 2, &o, NULL),
                     -CODE_INVALID_ARGUMENT);
}

static void
unknown_and_empty_options_say_nothing(void **state)
{
    AUTO(runc_options) o = {0};
    struct err err = {0};

    (void) state;
    assert_ok(runc_options_from_any("some.other.Options", "\xff\xff", 2, &o, &err), &err);
    assert_null(o.binary_name);
    assert_ok(runc_options_from_bytes(NULL, 0, &o, &err), &err);
    assert_ok(runc_options_from_any("containerd.runc.v1.Options", NULL, 0, &o, &err), &err);
}

static void
refuses_what_is_too_large(void **state)
{
    static char big[1024 * 1024];
    struct runc_options o = {0};
    struct err err = {0};

    (void) state;
    assert_code(runc_options_from_any("containerd.runc.v1.Options", big, sizeof big, &o, &err),
                CODE_INVALID_ARGUMENT, &err);
    assert_non_null(strstr(err.msg, "larger than"));
    assert_ok(runc_options_from_any("some.other.Options", big, sizeof big, &o, &err), &err);
}

static void
options_that_are_paths_are_no_longer_than_paths(void **state)
{
    AUTO(buf) body = BUF_INIT(64 * 1024);
    struct runc_options o = {0};
    struct err err = {0};

    (void) state;
    for (size_t n = PATH_MAX - 1; n <= PATH_MAX; n++) {
        buf_clear(&body);
        assert_ok(buf_printf(&body, &err, "BinaryName = \"%0*d\"\n", (int) n, 0), &err);
        assert_int_equal(from_toml_body(body.data, &o, &err),
                         n < PATH_MAX ? 0 : -CODE_INVALID_ARGUMENT);
        runc_options_done(&o);
    }
}

static void
json_file_keeps_what_was_said(void **state)
{
    AUTO(runc_options) o = {.binary_name = xstrdup("crun"), .io_gid = 5, .no_new_keyring = true};
    AUTO(runc_options) back = {0};
    struct err err = {0};
    size_t n;
    auto_free char *text = runc_options_format(&o, &n);

    (void) state;
    assert_string_equal(text, "{\"no_new_keyring\":true,\"io_gid\":5,\"binary_name\":\"crun\"}");
    assert_ok(runc_options_parse(text, n, &back, &err), &err);
    assert_string_equal(back.binary_name, "crun");
    assert_int_equal(back.io_gid, 5);
    assert_true(back.no_new_keyring);
    assert_code(runc_options_parse("{", 1, &back, &err), CODE_INVALID_ARGUMENT, &err);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_runc_options_in_an_any),
        cmocka_unit_test(reads_the_table_that_cri_writes),
        cmocka_unit_test(refuses_malformed_options),
        cmocka_unit_test(unknown_and_empty_options_say_nothing),
        cmocka_unit_test(refuses_what_is_too_large),
        cmocka_unit_test(options_that_are_paths_are_no_longer_than_paths),
        cmocka_unit_test(json_file_keeps_what_was_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
