/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of mount_opts.c. */
#include "libross/mount/mount_opts.h"

#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "libross/base/test.h"

static int
parse(const char *comma_list, struct strv *words, struct mount_opts *o, struct err *err)
{
    *words = *comma_list ? strv_split(comma_list, '|') : (struct strv){0};
    return mount_opts_parse(words, o, err);
}

static void
words_become_flags(void **state)
{
    static const struct {
        const char *words; /* between '|' */
        unsigned long flags, propagation;
        const char *data;
    } rows[] = {
        {"", 0, 0, ""},
        {"ro", MS_RDONLY, 0, ""},
        {"ro|rw", 0, 0, ""},
        {"rw|ro", MS_RDONLY, 0, ""},
        {"bind", MS_BIND, 0, ""},
        {"rbind|ro", MS_BIND | MS_REC | MS_RDONLY, 0, ""},
        {"nosuid|nodev|noexec", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0, ""},
        {"nosuid|suid|nodev|dev|noexec|exec", 0, 0, ""},
        {"sync|dirsync|mand", MS_SYNCHRONOUS | MS_DIRSYNC | MS_MANDLOCK, 0, ""},
        {"sync|async|mand|nomand", 0, 0, ""},
        {"noatime|nodiratime|relatime|strictatime",
         MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME, 0, ""},
        {"noatime|atime|nodiratime|diratime|relatime|norelatime|strictatime|nostrictatime", 0, 0,
         ""},
        {"remount|ro", MS_REMOUNT | MS_RDONLY, 0, ""},
        {"rprivate", 0, MS_PRIVATE | MS_REC, ""},
        {"private|slave", 0, MS_SLAVE, ""},
        {"rbind|rslave", MS_BIND | MS_REC, MS_SLAVE | MS_REC, ""},
        {"shared", 0, MS_SHARED, ""},
        {"rshared", 0, MS_SHARED | MS_REC, ""},
        {"unbindable", 0, MS_UNBINDABLE, ""},
        {"runbindable", 0, MS_UNBINDABLE | MS_REC, ""},
        {"defaults||rw", 0, 0, ""},
        {"index=off|lowerdir=/a:/b|userxattr", 0, 0, "index=off,lowerdir=/a:/b,userxattr"},
        {"RO|ro=1|bindx", 0, 0, "RO,ro=1,bindx"},
        {"size=64m,mode=755|noexec", MS_NOEXEC, 0, "size=64m,mode=755"},
    };
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(mount_opts) o = {0};
        AUTO(strv) words = {0};
        auto_free char *data = NULL;

        assert_ok(parse(rows[i].words, &words, &o, &err), &err);
        data = strv_join(&o.data, ",");
        if (o.flags != rows[i].flags || o.propagation != rows[i].propagation ||
            strcmp(data, rows[i].data) != 0)
            fail_msg("'%s': flags %lx propagation %lx data '%s'", rows[i].words, o.flags,
                     o.propagation, data);
        assert_false(o.loop);
        assert_null(o.uidmap);
    }
}

static void
special_words_are_kept_apart(void **state)
{
    AUTO(mount_opts) o = {0};
    AUTO(strv) words = {0};
    struct err err = {0};

    (void) state;
    assert_ok(parse("loop|uidmap=0:100:10|x=y|gidmap=0:1:1,1:5:9", &words, &o, &err), &err);
    assert_true(o.loop);
    assert_string_equal(o.uidmap, "0:100:10");
    assert_string_equal(o.gidmap, "0:1:1,1:5:9");
    assert_int_equal(o.data.n, 1);
    mount_opts_done(&o);
    assert_int_equal(o.data.n, 0);
}

static void
what_makes_no_sense_is_refused(void **state)
{
    static const char *const bad[] = {
        "X-containerd.mkfs.fs=ext4",
        "ro|X-containerd.",
        "uidmap=0:0:1",
        "gidmap=0:0:1",
        "uidmap=|gidmap=0:0:1",
        "uidmap=0:0:1|gidmap=x",
        "uidmap=0:0|gidmap=0:0:1",
    };
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct mount_opts o = {.flags = 77};
        AUTO(strv) words = {0};

        assert_code(parse(bad[i], &words, &o, &err), CODE_INVALID_ARGUMENT, &err);
        assert_int_equal(o.flags, 77);
    }
}

static void
flags_become_attributes(void **state)
{
    static const struct {
        unsigned long flags;
        uint64_t set, clear;
    } rows[] = {
        {0, 0, 0},
        {MS_BIND | MS_REC | MS_SYNCHRONOUS, 0, 0},
        {MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NODIRATIME,
         MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
             MOUNT_ATTR_NODIRATIME,
         0},
        {MS_NOATIME, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
        {MS_RELATIME, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
        {MS_STRICTATIME, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
        {MS_STRICTATIME | MS_NOATIME, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    };
    uint64_t clear;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(mount_opts_attrs(rows[i].flags, &clear) == rows[i].set);
        assert_true(clear == rows[i].clear);
    }
}

static void
id_maps_are_read(void **state)
{
    struct idmap_range got[IDMAP_RANGES_MAX];
    struct err err = {0};
    size_t n;

    (void) state;
    assert_ok(idmap_parse("0:100000:65536", got, &n, &err), &err);
    assert_int_equal(n, 1);
    assert_int_equal(got[0].container_id, 0);
    assert_int_equal(got[0].host_id, 100000);
    assert_int_equal(got[0].size, 65536);
    assert_ok(idmap_parse("0:1:1,1:4294967294:1,5:0:4294967290", got, &n, &err), &err);
    assert_int_equal(n, 3);
    assert_int_equal(got[1].host_id, 4294967294);
    assert_int_equal(got[2].size, 4294967290);
}

static void
broken_id_maps_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "0",
        "0:0",
        "0:0:0",
        "0:0:1,",
        ",0:0:1",
        "0:0:1:2",
        "a:0:1",
        "-1:0:1",
        "0: 0:1",
        "0:0:1 ",
        "0:0:4294967296",
        "1:0:4294967295",
        "0:4294967295:1",
        "0:0:1;1:1:1",
        "0::1",
        "99999999999999999999:0:1",
    };
    struct idmap_range got[IDMAP_RANGES_MAX];
    struct err err = {0};
    char *many;
    size_t n, len = 0;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (idmap_parse(bad[i], got, &n, &err) != -CODE_INVALID_ARGUMENT)
            fail_msg("'%s' was taken", bad[i]);
    many = xmalloc((IDMAP_RANGES_MAX + 1) * 6 + 8);
    for (size_t i = 0; i < IDMAP_RANGES_MAX + 1; i++)
        len += (size_t) snprintf(many + len, 7, "%s1:1:1", i ? "," : "");
    assert_code(idmap_parse(many, got, &n, &err), CODE_INVALID_ARGUMENT, &err);
    many[len - 6] = '\0';
    assert_ok(idmap_parse(many, got, &n, &err), &err);
    assert_int_equal(n, IDMAP_RANGES_MAX);
    free(many);
}

static void
overlay_data_gets_shorter_by_what_layers_share(void **state)
{
    static const struct {
        const char *data, *dir, *want; /* dir NULL = cannot */
    } rows[] = {
        {"lowerdir=/r/s/1/fs:/r/s/2/fs", "/r/s", "lowerdir=1/fs:2/fs"},
        {"index=off|lowerdir=/r/s/1/fs:/r/s/12/fs|upperdir=/r/s/3/fs", "/r/s",
         "index=off,lowerdir=1/fs:12/fs,upperdir=/r/s/3/fs"},
        {"lowerdir=/a/b", "/a", "lowerdir=b"},
        {"lowerdir=/a:/b", "/", "lowerdir=a:b"},
        {"lowerdir=/a/b:/a/b/c", "/a", "lowerdir=b:b/c"},
        {"lowerdir=/a/b/c:/a/b", "/a", "lowerdir=b/c:b"},
        {"lowerdir=/a/b:/a/b", "/a", "lowerdir=b:b"},
        {"lowerdir=a:/b", NULL, NULL},
        {"lowerdir=/a/:/b/", NULL, NULL},
        {"lowerdir=/", NULL, NULL},
        {"lowerdir=", NULL, NULL},
        {"lowerdir=/a::/b", NULL, NULL},
        {"lowerdir=/a\\:b:/c", NULL, NULL},
        {"upperdir=/a", NULL, NULL},
        {"", NULL, NULL},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *dir = NULL, *data = NULL;
        AUTO(strv) words = strv_split(rows[i].data, '|');

        if (mount_opts_shorten_overlay(&words, &dir, &data) != (rows[i].dir != NULL))
            fail_msg("'%s' -> '%s'", rows[i].data, dir ? dir : "(none)");
        if (!rows[i].dir)
            continue;
        assert_string_equal(dir, rows[i].dir);
        assert_string_equal(data, rows[i].want);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_become_flags),
        cmocka_unit_test(special_words_are_kept_apart),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(flags_become_attributes),
        cmocka_unit_test(id_maps_are_read),
        cmocka_unit_test(broken_id_maps_are_refused),
        cmocka_unit_test(overlay_data_gets_shorter_by_what_layers_share),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
