/* SPDX-License-Identifier: Apache-2.0 */
/* A mount list that is nowhere in the tree. */
#include "mount_temp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "mount_one.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"

struct mount_temp {
    int fd;
    char path[PATH_FD_MAX];
};

/* The common case: one mount, never attached. MOUNT_NOT_THIS_WAY when it cannot stay so. */
static int
open_detached(const struct mount_list *l, const struct mount_apply_options *options, int *ret_fd,
              struct err *err)
{
    AUTO(mount_one) one = {.loop_fd = -1, .userns_fd = -1};
    const struct mount *m = l->items;
    int r;

    if (l->n != 1 || (options && options->classic) || (m->target && *m->target) ||
        (m->type && strncmp(m->type, "fuse", 4) == 0))
        return MOUNT_NOT_THIS_WAY;
    r = mount_one_prepare(m, &one, err);
    return r < 0 ? r : mount_detached(&one, ret_fd, err);
}

/* Builds the list on `dir`, keeps a detached copy of the whole, takes the original off. */
static int
open_cloned(const struct mount_list *l, const char *dir, const struct mount_apply_options *options,
            int *ret_fd, struct err *err)
{
    auto_close int fd = -1;
    int r;

    r = mount_apply(l, dir, options, err);
    if (r < 0)
        return r;
    fd = open_tree(AT_FDCWD, dir, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (fd < 0)
        r = err_sys(err, errno, "clone the mounts on '%s'", dir);
    if (mount_detach_all(dir, r < 0 ? NULL : err) < 0 && r == 0)
        r = -CODE_INTERNAL;
    if (r < 0)
        return r;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int
open_through_directory(const struct mount_list *l, const char *tmp_dir,
                       const struct mount_apply_options *options, int *ret_fd, struct err *err)
{
    auto_free char *dir = path_join(tmp_dir ? tmp_dir : "/tmp", MOUNT_TEMP_PREFIX "XXXXXX");
    int r;

    if (!mkdtemp(dir))
        return err_sys(err, errno, "make directory '%s'", dir);
    r = open_cloned(l, dir, options, ret_fd, err);
    (void) rmdir(dir);
    return r;
}

int
mount_temp_open(const struct mount_list *l, const char *tmp_dir,
                const struct mount_apply_options *options, struct mount_temp **ret, struct err *err)
{
    auto_close int fd = -1;
    struct mount_temp *t;
    int r;

    if (!l->n)
        return err_set(err, CODE_INVALID_ARGUMENT, "no mounts");
    r = open_detached(l, options, &fd, err);
    if (r == MOUNT_NOT_THIS_WAY)
        r = open_through_directory(l, tmp_dir, options, &fd, err);
    if (r < 0)
        return err_wrap(err, r, "temporary mount");
    t = xmalloc(sizeof *t);
    t->fd = TAKE_FD(fd);
    path_of_fd(t->fd, t->path);
    *ret = t;
    return 0;
}

int
mount_temp_fd(const struct mount_temp *t)
{
    return t->fd;
}

const char *
mount_temp_path(const struct mount_temp *t)
{
    return t->path;
}

void
mount_temp_free(struct mount_temp *t)
{
    if (!t)
        return;
    (void) fd_close(t->fd);
    free(t);
}

/* A directory of ours and, below it, the empty mount points that a classic id-mapped overlay has. */
static int
collect_one(const char *dir, struct err *err)
{
    struct dirent *e;
    DIR *d;
    int r;

    r = mount_detach_all(dir, err);
    if (r < 0)
        return r;
    d = opendir(dir);
    while (d && (e = readdir(d)))
        if (path_is_name(e->d_name))
            (void) unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
    if (d)
        (void) closedir(d);
    /* rmdir, not a recursive removal: whatever else is in there is not ours */
    if (rmdir(dir) < 0 && errno != ENOENT)
        return err_sys(err, errno, "remove '%s'", dir);
    return 0;
}

int
mount_temp_collect(const char *tmp_dir, struct err *err)
{
    DIR *d = opendir(tmp_dir);
    struct dirent *e;
    int r = 0;

    if (!d)
        return errno == ENOENT ? 0 : err_sys(err, errno, "open '%s'", tmp_dir);
    while (r == 0 && (e = readdir(d)))
        if (strncmp(e->d_name, MOUNT_TEMP_PREFIX, strlen(MOUNT_TEMP_PREFIX)) == 0) {
            auto_free char *dir = path_join(tmp_dir, e->d_name);

            r = collect_one(dir, err);
        }
    (void) closedir(d);
    return r;
}
