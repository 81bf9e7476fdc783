/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance of snapshots: mounts, and what is seen through them; usage. */
#include "snap_suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/mount/mount_temp.h"

static int
mount_shape(struct snap_suite *t, const char *key, const char *type, const char *option,
            const char *not_option)
{
    AUTO(mount_list) l = {0};
    auto_free char *words = NULL, *all = NULL;

    OK(snapshots_mounts(t->s, &t->ctx, key, &l, err));
    CHECK(l.n == 1);
    CHECK(strcmp(l.items[0].type, type) == 0);
    words = strv_join(&l.items[0].options, " ");
    all = xasprintf(" %s ", words);
    if (!strstr(all, option) || (*not_option && strstr(all, not_option)))
        (void) fprintf(t->opt->to, "    %s: %s\n", key, all);
    CHECK(strstr(all, option));
    CHECK(!*not_option || !strstr(all, not_option));
    return 0;
}

static int
mounts_have_the_known_shapes(struct snap_suite *t)
{
    OK(layer(t, K("l1"), "", NULL, err));
    OK(layer(t, K("l2"), K("l1"), NULL, err));
    OK(active(t, K("a0"), "", err));
    OK(active(t, K("a1"), K("l1"), err));
    OK(active(t, K("a2"), K("l2"), err));
    OK(view(t, K("v0"), "", err));
    OK(view(t, K("v1"), K("l1"), err));
    OK(view(t, K("v2"), K("l2"), err));
    if (mount_shape(t, K("a0"), "bind", " rw ", "lowerdir") < 0 ||
        mount_shape(t, K("a1"), "overlay", " upperdir=", ":") < 0 ||
        mount_shape(t, K("a2"), "overlay", ":", " ro ") < 0 ||
        mount_shape(t, K("v0"), "bind", " ro ", " rw ") < 0 ||
        mount_shape(t, K("v1"), "bind", " ro ", " rw ") < 0 ||
        mount_shape(t, K("v2"), "overlay", " lowerdir=", "upperdir") < 0)
        return -1;
    return 0;
}

static int
with_mounted(struct snap_suite *t, const char *key, int (*fn)(struct snap_suite *t, int fd))
{
    AUTO(mount_list) l = {0};
    AUTO_PTR(mount_temp) m = NULL;

    OK(snapshots_mounts(t->s, &t->ctx, key, &l, err));
    OK(mount_temp_open(&l, NULL, NULL, &m, err));
    return fn(t, mount_temp_fd(m));
}

static int
put_files(struct snap_suite *t, int fd)
{
    static const char bytes[5000] = "0123456789";
    auto_close int file = openat(fd, "file", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

    CHECK(file >= 0);
    CHECK(fd_write_all(file, bytes, sizeof bytes) == 0);
    CHECK(fsync(file) == 0);
    CHECK(mkdirat(fd, "dir", 0750) == 0);
    CHECK(mkdirat(fd, "dir/sub", 0700) == 0);
    CHECK(linkat(fd, "file", fd, "dir/link", 0) == 0);
    CHECK(symlinkat("file", fd, "dir/sym") == 0);
    return 0;
}

static int
change_files(struct snap_suite *t, int fd)
{
    struct stat st;

    CHECK(fstatat(fd, "dir/sub", &st, 0) == 0 && (st.st_mode & 07777) == 0700);
    CHECK(unlinkat(fd, "dir/sub", AT_REMOVEDIR) == 0);
    CHECK(fchmodat(fd, "dir", 0711, 0) == 0);
    CHECK(renameat(fd, "file", fd, "moved") == 0);
    CHECK(unlinkat(fd, "dir/sym", 0) == 0);
    CHECK(mkdirat(fd, "dir/sym", 0755) == 0);
    return 0;
}

static int
see_changes(struct snap_suite *t, int fd)
{
    struct stat st;

    CHECK(fstatat(fd, "dir/sub", &st, 0) < 0 && errno == ENOENT);
    CHECK(fstatat(fd, "file", &st, 0) < 0 && errno == ENOENT);
    CHECK(fstatat(fd, "moved", &st, 0) == 0 && st.st_size == 5000);
    CHECK(fstatat(fd, "dir", &st, 0) == 0 && (st.st_mode & 07777) == 0711);
    CHECK(fstatat(fd, "dir/sym", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode));
    CHECK(fstatat(fd, ".", &st, 0) == 0 && (st.st_mode & 07777) == 0755);
    CHECK(mkdirat(fd, "new", 0700) < 0 && errno == EROFS);
    return 0;
}

static int
layers_show_through(struct snap_suite *t)
{
    struct snapshot_usage u;

    if (geteuid() != 0)
        return 1;
    OK(active(t, K("a"), "", err));
    if (with_mounted(t, K("a"), put_files) < 0)
        return -1;
    OK(commit(t, K("l1"), K("a"), err));
    OK(active(t, K("b"), K("l1"), err));
    if (with_mounted(t, K("b"), change_files) < 0)
        return -1;
    OK(commit(t, K("l2"), K("b"), err));
    OK(view(t, K("v"), K("l2"), err));
    if (with_mounted(t, K("v"), see_changes) < 0)
        return -1;
    OK(snapshots_usage(t->s, &t->ctx, K("l1"), &u, err));
    CHECK(u.inodes == 5); /* root, file with its link, dir, sub, sym */
    CHECK(u.size_bytes >= 8192 && u.size_bytes < 64 * 1024);
    OK(snapshots_usage(t->s, &t->ctx, K("v"), &u, err));
    CHECK(u.inodes == 0 && u.size_bytes == 0);
    return 0;
}

static int
usage_of_an_active_is_now(struct snap_suite *t)
{
    struct snapshot_usage u, later;

    if (geteuid() != 0)
        return 1;
    OK(active(t, K("a"), "", err));
    OK(snapshots_usage(t->s, &t->ctx, K("a"), &u, err));
    CHECK(u.inodes == 1);
    if (with_mounted(t, K("a"), put_files) < 0)
        return -1;
    OK(snapshots_usage(t->s, &t->ctx, K("a"), &later, err));
    CHECK(later.inodes == 5 && later.size_bytes > u.size_bytes);
    return 0;
}

const struct snap_case snap_cases_mounts[] = {
    {"mounts_have_the_known_shapes", mounts_have_the_known_shapes},
    {"layers_show_through", layers_show_through},
    {"usage_of_an_active_is_now", usage_of_an_active_is_now},
    {0},
};
