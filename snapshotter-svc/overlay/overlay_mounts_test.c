/* SPDX-License-Identifier: Apache-2.0 */
#include "overlay_mounts.h"

#include <string.h>

#include "libross/base/test.h"

struct mounts_case {
    enum snapshot_kind kind;
    size_t n_parents;
    const char *uidmap, *gidmap;
    const char *type, *source, *options; /* joined with ';' */
};

static const struct mounts_case mounts_cases[] = {
    {SNAPSHOT_ACTIVE, 0, NULL, NULL, "bind", "/r/snapshots/9/fs", "rw;rbind"},
    {SNAPSHOT_VIEW, 0, NULL, NULL, "bind", "/r/snapshots/9/fs", "ro;rbind"},
    {SNAPSHOT_VIEW, 1, NULL, NULL, "bind", "/r/snapshots/4/fs", "ro;rbind"},
    {SNAPSHOT_ACTIVE, 1, NULL, NULL, "overlay", "overlay",
     "workdir=/r/snapshots/9/work;upperdir=/r/snapshots/9/fs;lowerdir=/r/snapshots/4/fs;index=off"},
    {SNAPSHOT_ACTIVE, 3, NULL, NULL, "overlay", "overlay",
     "workdir=/r/snapshots/9/work;upperdir=/r/snapshots/9/fs;"
     "lowerdir=/r/snapshots/4/fs:/r/snapshots/18446744073709551615/fs:/r/snapshots/1/fs;index=off"},
    {SNAPSHOT_VIEW, 2, NULL, NULL, "overlay", "overlay",
     "lowerdir=/r/snapshots/4/fs:/r/snapshots/18446744073709551615/fs;index=off"},
    {SNAPSHOT_ACTIVE, 0, "0:1000:10", "0:2000:10", "bind", "/r/snapshots/9/fs",
     "uidmap=0:1000:10;gidmap=0:2000:10;rw;rbind"},
    {SNAPSHOT_VIEW, 2, "0:1000:10", "0:2000:10", "overlay", "overlay",
     "uidmap=0:1000:10;gidmap=0:2000:10;"
     "lowerdir=/r/snapshots/4/fs:/r/snapshots/18446744073709551615/fs;index=off"},
};

static void
mounts_follow_the_table(void **state)
{
    static const uint64_t parents[] = {4, UINT64_MAX, 1};
    struct strv extra = {0};

    (void) state;
    strv_add(&extra, "index=off");
    for (size_t i = 0; i < ARRAY_LEN(mounts_cases); i++) {
        const struct mounts_case *c = &mounts_cases[i];
        struct mount_list l = overlay_mounts(&(struct overlay_mounts_input){
            .kind = c->kind,
            .dir = "/r/snapshots",
            .id = 9,
            .parent_ids = parents,
            .n_parents = c->n_parents,
            .extra = &extra,
            .uidmap = c->uidmap,
            .gidmap = c->gidmap,
        });
        auto_free char *options = NULL;

        assert_int_equal(l.n, 1);
        options = strv_join(&l.items[0].options, ";");
        assert_string_equal(l.items[0].type, c->type);
        assert_string_equal(l.items[0].source, c->source);
        assert_string_equal(options, c->options);
        mount_list_done(&l);
    }
    strv_done(&extra);
}

static void
a_long_chain_is_one_option(void **state)
{
    uint64_t parents[500];
    struct mount_list l;
    const char *lower;
    size_t colons = 0;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(parents); i++)
        parents[i] = 1000000 - i;
    l = overlay_mounts(&(struct overlay_mounts_input){
        .kind = SNAPSHOT_VIEW,
        .dir = "/r",
        .id = 1,
        .parent_ids = parents,
        .n_parents = ARRAY_LEN(parents),
    });
    lower = mount_option_find(&l.items[0], "lowerdir");
    assert_non_null(lower);
    for (const char *p = lower; *p; p++)
        colons += *p == ':';
    assert_int_equal(colons, ARRAY_LEN(parents) - 1);
    assert_string_equal(lower + strlen(lower) - strlen("/r/999501/fs"), "/r/999501/fs");
    mount_list_done(&l);
}

static void
extra_options_come_from_settings_and_host(void **state)
{
    static const struct {
        const char *configured; /* joined with ',' */
        struct overlay_host host;
        const char *want;
    } cases[] = {
        {"", {.index = false}, ""},
        {"", {.index = true}, "index=off"},
        {"index=on", {.index = true}, "index=on"},
        {"volatile", {.index = true, .userxattr = true}, "volatile,userxattr,index=off"},
        {"userxattr", {.userxattr = true}, "userxattr"},
        {"indexes=1", {.index = true}, "indexes=1,index=off"},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct strv configured = {0}, got;
        auto_free char *text = NULL;

        if (*cases[i].configured)
            configured = strv_split(cases[i].configured, ',');
        got = overlay_extra_options(&configured, &cases[i].host);
        text = strv_join(&got, ",");
        assert_string_equal(text, cases[i].want);
        strv_done(&configured);
        strv_done(&got);
    }
}

static void
mapped_root_is_found_in_any_range(void **state)
{
    static const struct {
        const char *mapping;
        int code;
        uint32_t want;
    } cases[] = {
        {"0:1000:65536", 0, 1000},
        {"5:1:2,0:70000:5", 0, 70000},
        {"0:0:1", 0, 0},
        {"1:1000:65536", CODE_INVALID_ARGUMENT, 0},
        {"", CODE_INVALID_ARGUMENT, 0},
        {"0:1000", CODE_INVALID_ARGUMENT, 0},
        {"0:1000:0", CODE_INVALID_ARGUMENT, 0},
        {"0:-1:5", CODE_INVALID_ARGUMENT, 0},
        {"0:4294967296:5", CODE_INVALID_ARGUMENT, 0},
        {"0:1:5,", CODE_INVALID_ARGUMENT, 0},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        uint32_t got = 7;
        int r = overlay_mapped_root(cases[i].mapping, &got, &err);

        if (cases[i].code) {
            assert_code(r, cases[i].code, &err);
            assert_int_equal(got, 7);
        } else {
            assert_ok(r, &err);
            assert_int_equal(got, cases[i].want);
        }
    }
}

static void
ids_are_read_from_our_paths_only(void **state)
{
    static const struct {
        const char *path;
        uint64_t id; /* 0 = none */
    } cases[] = {
        {"/r/snapshots/12/fs", 12},
        {"/r/snapshots/18446744073709551615/fs", UINT64_MAX},
        {"/r/snapshots/18446744073709551616/fs", 0},
        {"/r/snapshots/0/fs", 0},
        {"/r/snapshots/012/fs", 0},
        {"/r/snapshots/12/work", 0},
        {"/r/snapshots/12/fs/", 0},
        {"/r/snapshots/12/fs/etc", 0},
        {"/r/snapshots/12/../13/fs", 0},
        {"/r/snapshotsx/12/fs", 0},
        {"/r/snapshots//fs", 0},
        {"/other/12/fs", 0},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t id = 0;
        bool found = overlay_path_id("/r/snapshots", cases[i].path, &id);

        assert_int_equal(found, cases[i].id != 0);
        assert_true(id == cases[i].id);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mounts_follow_the_table),
        cmocka_unit_test(a_long_chain_is_one_option),
        cmocka_unit_test(extra_options_come_from_settings_and_host),
        cmocka_unit_test(mapped_root_is_found_in_any_range),
        cmocka_unit_test(ids_are_read_from_our_paths_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
