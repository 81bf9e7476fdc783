/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/oci/passwd_lookup.h"

#include <stdio.h>
#include <string.h>

#include "libross/base/buf.h"
#include "libross/base/test.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
                             "# comment\n"
                             "broken:x:abc:0::/:/bin/sh\n"
                             "short:x:9\n"
                             "app:x:1000:1001:App:/home/app:/bin/sh\n"
                             "nohome:x:1002:1002\n"
                             "77:x:1077:1077::/seventyseven:/bin/sh\n"
                             "huge:x:4294967296:0::/:\n"
                             "last:x:1003:1003::/last:";

static const char group[] = "root:x:0:\n"
                            "app:x:1001:app\n"
                            "video:x:44:root,app\n"
                            "audio:x:29:app,other\n"
                            "apps:x:45:apple\n"
                            "bad:x:zz:app\n"
                            "88:x:1088:\n";

static void
looks_up_like_docker(void **state)
{
    static const struct {
        const char *spec, *more, *want; /* want: uid:gid:groups:home:name */
    } rows[] = {
        {NULL, NULL, "0:0:44,:/root:root"},
        {"", NULL, "0:0:44,:/root:root"},
        {"root", NULL, "0:0:44,:/root:root"},
        {"app", NULL, "1000:1001:29,44,:/home/app:app"},
        {"1000", NULL, "1000:1001:29,44,:/home/app:app"},
        {"app:video", NULL, "1000:44::/home/app:app"},
        {"app:", NULL, "1000:1001:29,44,:/home/app:app"},
        {"app:5", NULL, "1000:5::/home/app:app"},
        {":5", NULL, "0:5::/root:root"},
        {"5000", NULL, "5000:0::/:"},
        {"5000:6000", NULL, "5000:6000::/:"},
        {"5000:audio", NULL, "5000:29::/:"},
        {"nohome", NULL, "1002:1002::/:nohome"},
        {"last", NULL, "1003:1003::/last:last"},
        {"77", NULL, "1077:1077::/seventyseven:77"},
        {"app:88", NULL, "1000:1088::/home/app:app"},
        {"app", "44,9,audio", "1000:1001:9,29,44,:/home/app:app"},
        {"5000:1", "video,7", "5000:1:7,44,:/:"},
        {"2147483647", NULL, "2147483647:0::/:"},
    };
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(passwd_user) u = {0};
        AUTO(strv) more = {0};
        AUTO(buf) got = BUF_INIT(4096);

        if (rows[i].more)
            more = strv_split(rows[i].more, ',');
        assert_ok(passwd_lookup(rows[i].spec, passwd, strlen(passwd), group, strlen(group), &more,
                                &u, &err),
                  &err);
        assert_ok(buf_printf(&got, &err, "%u:%u:", u.uid, u.gid), &err);
        for (size_t k = 0; k < u.n_groups; k++)
            assert_ok(buf_printf(&got, &err, "%u,", u.groups[k]), &err);
        assert_ok(buf_printf(&got, &err, ":%s:%s", u.home, u.name ? u.name : ""), &err);
        assert_string_equal(got.data, rows[i].want);
    }
}

static void
works_without_files(void **state)
{
    AUTO(passwd_user) root = {0};
    AUTO(passwd_user) number = {0};
    struct passwd_user none = {0};
    struct err err = {0};

    (void) state;
    assert_ok(passwd_lookup(NULL, NULL, 0, NULL, 0, NULL, &root, &err), &err);
    assert_int_equal(root.uid, 0);
    assert_string_equal(root.home, "/");
    assert_ok(passwd_lookup("7:8", NULL, 0, NULL, 0, NULL, &number, &err), &err);
    assert_int_equal(number.gid, 8);
    assert_code(passwd_lookup("root", NULL, 0, NULL, 0, NULL, &none, &err), CODE_NOT_FOUND, &err);
}

static void
unknown_names_are_not_found(void **state)
{
    static const struct {
        const char *spec, *more;
        int code;
    } rows[] = {
        {"nobody", NULL, CODE_NOT_FOUND},          {"app:nogroup", NULL, CODE_NOT_FOUND},
        {"app", "nogroup", CODE_NOT_FOUND},        {"broken", NULL, CODE_NOT_FOUND},
        {"short", NULL, CODE_NOT_FOUND},           {"huge", NULL, CODE_NOT_FOUND},
        {"4294967296", NULL, CODE_NOT_FOUND},      {"-1", NULL, CODE_NOT_FOUND},
        {"app:bad", NULL, CODE_NOT_FOUND},         {"a:b:c", NULL, CODE_INVALID_ARGUMENT},
        {"app:app:", NULL, CODE_INVALID_ARGUMENT},
    };
    struct passwd_user u = {0};
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(strv) more = {0};

        if (rows[i].more)
            strv_add(&more, rows[i].more);
        assert_code(passwd_lookup(rows[i].spec, passwd, strlen(passwd), group, strlen(group), &more,
                                  &u, &err),
                    rows[i].code, &err);
    }
    assert_null(u.home);
}

static void
memberships_are_bounded(void **state)
{
    AUTO(buf) many = BUF_INIT(1 << 20);
    struct passwd_user u = {0};
    struct err err = {0};

    (void) state;
    for (int i = 0; i <= PASSWD_GROUPS_MAX; i++)
        assert_ok(buf_printf(&many, &err, "g%d:x:%d:app\n", i, 2000 + i), &err);
    assert_code(passwd_lookup("app", passwd, strlen(passwd), many.data, many.len, NULL, &u, &err),
                CODE_INVALID_ARGUMENT, &err);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks_up_like_docker),
        cmocka_unit_test(works_without_files),
        cmocka_unit_test(unknown_names_are_not_found),
        cmocka_unit_test(memberships_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
