/* SPDX-License-Identifier: Apache-2.0 */
#include "cd_plan.h"

#include <string.h>

#include "cd_text.h"
#include "libross/base/mem.h"
#include "libross/base/test.h"
#include "libross/config/toml.h"

#define CRI_1 "plugins.\"io.containerd.grpc.v1.cri\""
#define CRI_2 "plugins.\"io.containerd.cri.v1.runtime\""
#define DEBIAN                                                                                     \
    "version = 2\n\n[plugins]\n  [" CRI_1 "]\n    [" CRI_1 ".cni]\n      bin_dir = "               \
    "\"/usr/lib/cni\"\n"

static struct cd_want
want_of(int major, int minor)
{
    return (struct cd_want){.major = major,
                            .minor = minor,
                            .snapshotter_address = "/run/ross/snapshotter.sock",
                            .content_address = "/run/ross/contentd-plugin.sock",
                            .snapshots_root = "/var/lib/ross/snapshots",
                            .platform = "linux/amd64"};
}

static struct cd_want
everything(int major, int minor)
{
    struct cd_want want = want_of(major, minor);

    want.content = want.differ = want.cri = want.default_runtime = want.default_snapshotter = true;
    return want;
}

/* The value at "a/b/c" of the text, which must be TOML; malloc'ed, NULL when it is no string. */
static char *
value_at(const char *text, const char *path)
{
    AUTO_PTR(toml) root = NULL;
    struct strv keys = strv_split(path, '/');
    struct err err = {0};
    const char *value;
    char *copy;

    assert_ok(toml_parse(text, strlen(text), &root, &err), &err);
    value = toml_str(toml_find_path(root, (const char *const *) keys.items, keys.n));
    copy = value ? xstrdup(value) : NULL;
    strv_done(&keys);
    return copy;
}

static void
value_is(const char *text, const char *path, const char *want)
{
    auto_free char *got = value_at(text, path);

    assert_non_null(got);
    assert_string_equal(got, want);
}

/* Enabled, and given back to the byte. *ret as cd_plan(). */
static void
plan_ok(const char *text, const struct cd_want *want, char **ret)
{
    auto_free char *back = NULL;
    struct err err = {0};
    size_t parts = 0;

    assert_ok(cd_plan(text, want, ret, &err), &err);
    assert_ok(cd_text_strip(*ret, &back, &parts, &err), &err);
    if (text)
        assert_string_equal(back, text);
    else
        assert_null(back);
}

static void
every_version_gets_what_it_knows(void **state)
{
    static const struct {
        const char *text;
        int major, minor;
        bool platform, transfer;
    } rows[] = {
        {NULL, 1, 6, false, false},
        {NULL, 1, 7, true, false},
        {NULL, 2, 1, true, true},
        {"", 1, 6, false, false},
        {"# nothing", 1, 7, true, false},
        {DEBIAN, 1, 6, false, false},
        {DEBIAN, 1, 7, true, false},
        {DEBIAN, 2, 1, true, true},
        {"version = 3\n[grpc]\naddress = '/x'", 2, 0, true, true},
        {"[proxy_plugins]\n[proxy_plugins.stargz]\ntype = \"snapshot\"\naddress = \"/s\"\n", 1, 6,
         false, false},
        {"version = 2\r\n[proxy_plugins]\r\n", 1, 7, true, false},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cd_want want = want_of(rows[i].major, rows[i].minor);
        auto_free char *out = NULL, *platform = NULL;

        plan_ok(rows[i].text, &want, &out);
        value_is(out, "proxy_plugins/ross/type", "snapshot");
        value_is(out, "proxy_plugins/ross/address", want.snapshotter_address);
        platform = value_at(out, "proxy_plugins/ross/platform");
        assert_int_equal(platform != NULL, rows[i].platform);
        assert_int_equal(strstr(out, "unpack_config") != NULL, rows[i].transfer);
        assert_true(cd_plan_is_configured(out));
        assert_false(cd_plan_is_configured(rows[i].text ? rows[i].text : ""));
    }
}

static void
a_new_file_has_the_version_of_its_containerd(void **state)
{
    struct cd_want one = want_of(1, 7), two = want_of(2, 1);
    auto_free char *for_one = NULL, *for_two = NULL;

    (void) state;
    plan_ok(NULL, &one, &for_one);
    plan_ok(NULL, &two, &for_two);
    assert_non_null(strstr(for_one, "\nversion = 2\n"));
    assert_non_null(strstr(for_two, "\nversion = 3\n"));
}

static void
everything_goes_where_this_version_looks(void **state)
{
    struct cd_want one = everything(1, 7), two = everything(2, 1);
    auto_free char *with_two = NULL, *with_three = NULL;

    (void) state;
    plan_ok(DEBIAN, &one, &with_two);
    value_is(with_two, "plugins/io.containerd.grpc.v1.cri/containerd/runtimes/ross/runtime_type",
             "io.containerd.ross.v2");
    value_is(with_two, "plugins/io.containerd.grpc.v1.cri/containerd/default_runtime_name", "ross");
    value_is(with_two, "plugins/io.containerd.grpc.v1.cri/containerd/snapshotter", "ross");
    value_is(with_two, "plugins/io.containerd.grpc.v1.cri/cni/bin_dir", "/usr/lib/cni");
    value_is(with_two, "proxy_plugins/ross-content/address", one.content_address);
    value_is(with_two, "proxy_plugins/ross-diff/type", "diff");
    assert_non_null(strstr(with_two, "default = [\"ross-diff\", \"walking\"]"));
    assert_non_null(strstr(with_two, "disabled_plugins = [\"io.containerd.content.v1.content\"]"));
    plan_ok("version = 3\n", &two, &with_three);
    value_is(with_three,
             "plugins/io.containerd.cri.v1.runtime/containerd/runtimes/ross/runtime_type",
             "io.containerd.ross.v2");
    value_is(with_three, "plugins/io.containerd.cri.v1.runtime/containerd/default_runtime_name",
             "ross");
    value_is(with_three, "plugins/io.containerd.cri.v1.images/snapshotter", "ross");
}

static void
keys_that_are_there_are_replaced_and_come_back(void **state)
{
    static const char *const text =
        "version = 2\ndisabled_plugins = [ # some\n  \"a.b.c\",\n\n  'd.e.f', # more\n]\n"
        "[" CRI_1 ".containerd] # ours\n"
        "  snapshotter = \"overlayfs\" # the usual\n"
        "  default_runtime_name = 'runc'\n"
        "  [" CRI_1 ".containerd.runtimes.runc]\n    runtime_type = \"io.containerd.runc.v2\"";
    struct cd_want want = everything(1, 6);
    auto_free char *out = NULL;

    (void) state;
    want.differ = false;
    plan_ok(text, &want, &out);
    value_is(out, "plugins/io.containerd.grpc.v1.cri/containerd/snapshotter", "ross");
    value_is(out, "plugins/io.containerd.grpc.v1.cri/containerd/default_runtime_name", "ross");
    value_is(out, "plugins/io.containerd.grpc.v1.cri/containerd/runtimes/runc/runtime_type",
             "io.containerd.runc.v2");
    assert_non_null(strstr(out, "[\"a.b.c\", \"d.e.f\", \"io.containerd.content.v1.content\"]"));
}

static void
a_text_that_looks_like_a_section_is_left_alone(void **state)
{
    static const char *const text = "version = 2\n[" CRI_1 "]\n  note = '''\n[" CRI_1
                                    ".containerd]\nsnapshotter = \"x\"\n'''\n";
    struct cd_want want = everything(1, 7);
    auto_free char *out = NULL;

    (void) state;
    plan_ok(text, &want, &out);
    value_is(out, "plugins/io.containerd.grpc.v1.cri/containerd/snapshotter", "ross");
    value_is(out, "plugins/io.containerd.grpc.v1.cri/note",
             "[" CRI_1 ".containerd]\nsnapshotter = \"x\"\n");
}

static void
unpack_configs_of_others_stay(void **state)
{
    static const char *const text =
        "version = 3\n[[plugins.\"io.containerd.transfer.v1.local\".unpack_config]]\n"
        "  platform = \"linux/amd64\"\n  snapshotter = \"stargz\"\n";
    struct cd_want want = want_of(2, 1);
    auto_free char *out = NULL;

    (void) state;
    plan_ok(text, &want, &out);
    assert_non_null(strstr(out, "snapshotter = \"ross\""));
    assert_null(strstr(out, "overlayfs"));
}

static void
refuses_what_it_cannot_do_safely(void **state)
{
    static const struct {
        const char *text, *says;
        int major, minor, code;
    } rows[] = {
        {"version = 2\n[proxy_plugins.ross]\n", "line 2 has a section [proxy_plugins.ross]", 1, 7,
         CODE_FAILED_PRECONDITION},
        {"version = 2\nproxy_plugins = { x = { type = 'snapshot' } }\n",
         "cannot be added to safely", 1, 7, CODE_FAILED_PRECONDITION},
        {"version = 2\n[" CRI_1 ".containerd.runtimes.ross]\n", "runtime handler 'ross' already", 1,
         7, CODE_FAILED_PRECONDITION},
        {"version = 2\ndisabled_plugins = [\"cri\"]\n", "disables the plugin 'cri'", 1, 7,
         CODE_FAILED_PRECONDITION},
        {"version = 2\ndisabled_plugins = 7\n", "line 2 sets disabled_plugins", 1, 7,
         CODE_FAILED_PRECONDITION},
        {"version = 3\n", "version 3, which is too new for containerd 1.7", 1, 7,
         CODE_FAILED_PRECONDITION},
        {"version = 4\n", "too new", 2, 3, CODE_FAILED_PRECONDITION},
        {"version = 'x'\n", "version is no number", 1, 7, CODE_FAILED_PRECONDITION},
        {"root = '/x'\n", "containerd config migrate", 2, 1, CODE_FAILED_PRECONDITION},
        {"root = '/x'\n", "--content needs a configuration of version 2", 1, 7,
         CODE_FAILED_PRECONDITION},
        {"version = 2\n", "--differ", 1, 6, CODE_FAILED_PRECONDITION},
        {"version = 2\n", "too old", 1, 5, CODE_FAILED_PRECONDITION},
        {"version = \n", "line 1", 1, 7, CODE_INVALID_ARGUMENT},
        {"version = 3\n[plugins.\"io.containerd.transfer.v1.local\"]\nunpack_config = []\n",
         "line 3 sets unpack_config", 2, 1, CODE_FAILED_PRECONDITION},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cd_want want = everything(rows[i].major, rows[i].minor);
        struct err err = {0};
        char *out = NULL;

        assert_code(cd_plan(rows[i].text, &want, &out, &err), rows[i].code, &err);
        assert_null(out);
        if (!strstr(err.msg, rows[i].says))
            fail_msg("'%s' does not say '%s'", err.msg, rows[i].says);
    }
}

static void
an_imported_file_is_used_when_sections_are_apart(void **state)
{
    static const struct {
        const char *text, *other;
        bool cri, content, alone;
    } rows[] = {
        {DEBIAN, "version = 2\n", false, false, true},
        {DEBIAN, "version = 2\n", true, false, false},
        {"version = 2\n", "version = 2\n", true, false, true},
        {"version = 2\n", DEBIAN, true, false, false},
        {"version = 2\n", "version = 2\n", false, true, false},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cd_want want = want_of(1, 7);
        auto_free char *out = NULL;
        struct strv others = {0};
        struct err err = {0};

        want.cri = rows[i].cri;
        want.content = rows[i].content;
        strv_add(&others, rows[i].other);
        assert_ok(cd_plan_import(rows[i].text, &others, &want, &out, &err), &err);
        assert_int_equal(out != NULL, rows[i].alone);
        if (out)
            assert_non_null(strstr(out, "\nversion = 2\n[proxy_plugins.ross]\n"));
        strv_done(&others);
    }
}

static void
versions_are_read_from_what_containerd_says(void **state)
{
    static const struct {
        const char *text;
        int major, minor;
    } rows[] = {
        {"containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3\n", 1, 6},
        {"containerd github.com/containerd/containerd/v2 v2.1.9+ds1 x\n", 2, 1},
        {"containerd containerd.io 1.7.24 88bf19b2105c8b17560993bee28a01ddc2f97182", 1, 7},
        {"containerd nothing", 0, 0},
        {"", 0, 0},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int major = 0, minor = 0;
        struct err err = {0};
        int r = cd_version_parse(rows[i].text, &major, &minor, &err);

        assert_int_equal(r, rows[i].major ? 0 : -CODE_INVALID_ARGUMENT);
        assert_int_equal(major, rows[i].major);
        assert_int_equal(minor, rows[i].minor);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_gets_what_it_knows),
        cmocka_unit_test(a_new_file_has_the_version_of_its_containerd),
        cmocka_unit_test(everything_goes_where_this_version_looks),
        cmocka_unit_test(keys_that_are_there_are_replaced_and_come_back),
        cmocka_unit_test(a_text_that_looks_like_a_section_is_left_alone),
        cmocka_unit_test(unpack_configs_of_others_stay),
        cmocka_unit_test(refuses_what_it_cannot_do_safely),
        cmocka_unit_test(an_imported_file_is_used_when_sections_are_apart),
        cmocka_unit_test(versions_are_read_from_what_containerd_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
