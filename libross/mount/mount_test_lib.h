/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests with real mounts share: a mount namespace and a tmpfs of their own. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "mount.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/test.h"

static bool mounts_work;

/* Group setup: everything mounted from here on ends with this process. */
static inline int
test_mounts_enter(void **state)
{
    (void) state;
    mounts_work =
        unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
    if (!mounts_work)
        print_message("no mount namespace (needs root): %s\n", strerror(errno));
    return 0;
}

#define SKIP_WITHOUT_MOUNTS()                                                                      \
    do {                                                                                           \
        if (!mounts_work)                                                                          \
            skip();                                                                                \
    } while (0)

/* Test setup: a directory with a fresh tmpfs on it. */
static inline int
test_tmpfs_setup(void **state)
{
    char *dir = test_tmpdir();

    *state = dir;
    return mounts_work ? mount("tmpfs", dir, "tmpfs", 0, "mode=755") : 0;
}

static inline int
test_tmpfs_teardown(void **state)
{
    if (mounts_work)
        while (umount2(*state, MNT_DETACH) == 0)
            ;
    test_tmpdir_remove(*state);
    return 0;
}

static inline char *
test_dir(const char *base, const char *name)
{
    char *path = path_join(base, name);
    struct err err = {0};

    assert_ok(path_mkdirs_at(AT_FDCWD, path, 0755, &err), &err);
    return path;
}

static inline void
test_file(const char *dir, const char *name, const char *text)
{
    auto_free char *path = path_join(dir, name);
    struct err err = {0};

    assert_ok(fd_write_file_at(AT_FDCWD, path, text, strlen(text), 0644, &err), &err);
}

static inline void
assert_file(const char *dir, const char *name, const char *want)
{
    auto_free char *path = path_join(dir, name), *got = NULL;
    struct err err = {0};

    assert_ok(fd_read_file_at(AT_FDCWD, path, 1000, &got, NULL, &err), &err);
    assert_string_equal(got, want);
}

static inline bool
test_exists(const char *dir, const char *name)
{
    auto_free char *path = path_join(dir, name);
    struct stat st;

    return lstat(path, &st) == 0;
}

/* Appends a mount with the words, NULL at the end. */
static inline struct mount *
test_mount(struct mount_list *l, const char *type, const char *source, const char *const *words)
{
    struct mount *m = mount_list_add(l, type, source);

    for (; *words; words++)
        strv_add(&m->options, *words);
    return m;
}

#define WORDS(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
