/* SPDX-License-Identifier: Apache-2.0 */
/* A directory tree as text, for tests to compare. */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "libross/base/buf.h"
#include "libross/base/fd.h"
#include "libross/base/strv.h"
#include "libross/base/test.h"

enum tree_show_flags {
    TREE_SHOW_TIMES = 1, /* modification and change time of everything */
};

static inline void
tree_show_one(struct buf *b, int dir_fd, const char *name, const char *path, const struct stat *st,
              int flags)
{
    static const char letters[16] = "?pc?d?b?-?l?s???";
    char text[4096], via[PATH_MAX];
    ssize_t n;

    assert_int_equal(buf_printf(b, NULL, "%s %c%04o %u:%u", path, letters[(st->st_mode >> 12) & 15],
                                st->st_mode & 07777, st->st_uid, st->st_gid),
                     0);
    if (S_ISREG(st->st_mode)) {
        auto_close int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

        n = fd_read_full(fd, text, sizeof text);
        assert_true(n >= 0);
        if (st->st_size < 60)
            (void) buf_printf(b, NULL, " \"%.*s\"", (int) n, text);
        else
            (void) buf_printf(b, NULL, " %lld bytes", (long long) st->st_size);
        if (st->st_nlink > 1)
            (void) buf_printf(b, NULL, " x%u", (unsigned) st->st_nlink);
    } else if (S_ISLNK(st->st_mode)) {
        n = readlinkat(dir_fd, name, text, sizeof text);
        (void) buf_printf(b, NULL, " -> %.*s", (int) n, text);
    } else if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
        (void) buf_printf(b, NULL, " %u,%u", major(st->st_rdev), minor(st->st_rdev));
    }
    snprintf(via, sizeof via, "/proc/self/fd/%d/%s", dir_fd, name);
    n = llistxattr(via, text, sizeof text);
    for (const char *x = text; n > 0 && x < text + n; x += strlen(x) + 1) {
        char value[256];
        ssize_t size = lgetxattr(via, x, value, sizeof value);

        (void) buf_printf(b, NULL, " %s=%.*s", x, (int) size, value);
    }
    if (flags & TREE_SHOW_TIMES)
        (void) buf_printf(b, NULL, " m%lld.%09ld c%lld.%09ld", (long long) st->st_mtim.tv_sec,
                          st->st_mtim.tv_nsec, (long long) st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
    assert_int_equal(buf_append_str(b, "\n", NULL), 0);
}

/* Appends a line for everything below dir_fd, in order of names; `skip` at the top is left out. */
static inline void
tree_show_below(struct buf *b, int dir_fd, const char *prefix, const char *skip, int flags)
{
    int again = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO(strv) names = {0};
    struct dirent *e;
    DIR *dir = fdopendir(again);

    assert_non_null(dir);
    while ((e = readdir(dir))) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            (!skip || strcmp(e->d_name, skip) != 0))
            strv_add(&names, e->d_name);
    }
    closedir(dir);
    strv_sort(&names);
    for (size_t i = 0; i < names.n; i++) {
        auto_free char *path = xasprintf("%s%s", prefix, names.items[i]);
        struct stat st;

        assert_int_equal(fstatat(dir_fd, names.items[i], &st, AT_SYMLINK_NOFOLLOW), 0);
        tree_show_one(b, dir_fd, names.items[i], path, &st, flags);
        if (S_ISDIR(st.st_mode)) {
            auto_free char *deeper = xasprintf("%s/", path);
            auto_close int fd =
                openat(dir_fd, names.items[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

            assert_true(fd >= 0);
            tree_show_below(b, fd, deeper, NULL, flags);
        }
    }
}
