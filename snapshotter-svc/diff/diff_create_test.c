/* SPDX-License-Identifier: Apache-2.0 */
#include "diff_create.h"

#include "libross/base/test.h"

static struct mount_list
one_mount(const char *type, const char *source, const char *options)
{
    struct mount_list l = {0};

    mount_list_add(&l, type, source)->options = strv_split(options, ';');
    return l;
}

static void
readonly_mounts_have_no_upper(void **state)
{
    static const struct {
        const char *type, *before, *after;
    } cases[] = {
        {"overlay", "workdir=/w;upperdir=/u;lowerdir=/a:/b;index=off",
         "lowerdir=/u:/a:/b;index=off;ro"},
        {"overlay", "lowerdir=/a:/b", "lowerdir=/a:/b;ro"},
        {"overlay", "volatile;upperdir=/u;workdir=/w;lowerdir=/a", "lowerdir=/u:/a;ro"},
        {"bind", "rw;rbind", "rbind;ro"},
        {"bind", "ro;rbind", "ro;rbind"},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(mount_list) before = one_mount(cases[i].type, "s", cases[i].before);
        AUTO(mount_list) after = diff_readonly(&before);
        auto_free char *options = strv_join(&after.items[0].options, ";");

        assert_string_equal(options, cases[i].after);
    }
}

static void
an_upper_is_known_by_what_it_lies_on(void **state)
{
    static const struct {
        const char *left_type, *left_source, *left, *right;
        bool want;
    } cases[] = {
        {"bind", "/a", "ro;rbind", "upperdir=/u;workdir=/w;lowerdir=/a", true},
        {"bind", "/b", "ro;rbind", "upperdir=/u;workdir=/w;lowerdir=/a", false},
        {"bind", "/a", "ro;rbind", "upperdir=/u;workdir=/w;lowerdir=/a:/b", false},
        {"overlay", "overlay", "lowerdir=/a:/b", "upperdir=/u;workdir=/w;lowerdir=/a:/b", true},
        {"overlay", "overlay", "lowerdir=/b:/a", "upperdir=/u;workdir=/w;lowerdir=/a:/b", false},
        {"overlay", "overlay", "lowerdir=/a:/b;upperdir=/x", "upperdir=/u;lowerdir=/a:/b", false},
        {"overlay", "overlay", "lowerdir=/a:/b", "lowerdir=/u:/a:/b", false},
        {"bind", "/a", "ro", "upperdir=/u;workdir=/w;lowerdir=/a;userxattr", false},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(mount_list) left = one_mount(cases[i].left_type, cases[i].left_source, cases[i].left);
        AUTO(mount_list) right = one_mount("overlay", "overlay", cases[i].right);

        assert_int_equal(diff_is_upper_of(&left, &right), cases[i].want);
    }
}

static void
refuses_what_it_cannot_make(void **state)
{
    static const struct labels none;
    AUTO(mount_list) mounts = one_mount("bind", "/", "ro;rbind");
    struct diff_create_request rq = {
        .left = &mounts, .right = &mounts, .ref = "", .labels = &none, .media_type = "text/plain"};
    struct diff_settings d = {0};
    AUTO(oci_desc) made = {0};
    struct err err = {0};

    (void) state;
    assert_code(diff_create(&d, NULL, &rq, &made, &err), CODE_UNIMPLEMENTED, &err);
    rq.media_type = "";
    assert_code(diff_create(&d, NULL, &rq, &made, &err), CODE_FAILED_PRECONDITION, &err);
    rq.right = &(struct mount_list){0};
    assert_code(diff_create(&d, NULL, &rq, &made, &err), CODE_INVALID_ARGUMENT, &err);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readonly_mounts_have_no_upper),
        cmocka_unit_test(an_upper_is_known_by_what_it_lies_on),
        cmocka_unit_test(refuses_what_it_cannot_make),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
