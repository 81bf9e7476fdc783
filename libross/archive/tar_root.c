/* SPDX-License-Identifier: Apache-2.0 */
#include "tar_root.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "libross/base/fault.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "tar_inode.h"
#include "tar_name.h"

#define CACHED      8    /* directories remembered */
#define LINKS_MAX   255  /* symlinks on one way, as containerd */
#define RETRIES_MAX 1000 /* of a lookup that raced with a rename elsewhere on the machine */
#define WAY_MAX     (2 * PATH_MAX)

struct cached {
    char *path; /* NULL = empty slot */
    struct tar_dir dir;
    uint64_t used;
};

struct tar_root {
    int fd;
    const struct tar_root_options *options;
    struct stat st;
    struct cached cache[CACHED];
    uint64_t clock;
};

static int
open_how(int dir_fd, const char *path, uint64_t flags, uint64_t resolve)
{
    struct open_how how = {
        .flags = flags | O_CLOEXEC,
        .resolve = resolve | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    int fd, tries = 0;

    do {
        fd = (int) syscall(SYS_openat2, dir_fd, path, &how, sizeof how);
    } while (fd < 0 && (errno == EAGAIN || errno == EINTR) && ++tries < RETRIES_MAX);
    return fd;
}

static int
open_inside(int root_fd, const char *path, uint64_t flags)
{
    return open_how(root_fd, path, flags, RESOLVE_IN_ROOT);
}

int
tar_root_new(int root_fd, const struct tar_root_options *options, struct tar_root **ret,
             struct err *err)
{
    AUTO_PTR(tar_root) r = xcalloc(1, sizeof *r);

    r->fd = root_fd;
    r->options = options;
    if (fstat(root_fd, &r->st) < 0)
        return err_sys(err, errno, "stat the root");
    if (!S_ISDIR(r->st.st_mode))
        return err_set(err, CODE_INVALID_ARGUMENT, "the root is not a directory");
    *ret = TAKE(r);
    return 0;
}

static void
drop(struct cached *c)
{
    free(c->path);
    c->path = NULL;
    c->dir.fd = fd_close(c->dir.fd);
}

void
tar_root_forget(struct tar_root *r)
{
    for (size_t i = 0; i < CACHED; i++) {
        if (r->cache[i].path)
            drop(&r->cache[i]);
    }
}

void
tar_root_free(struct tar_root *r)
{
    if (!r)
        return;
    tar_root_forget(r);
    free(r);
}

static const struct cached *
find(struct tar_root *r, const char *path)
{
    for (size_t i = 0; i < CACHED; i++) {
        if (r->cache[i].path && strcmp(r->cache[i].path, path) == 0) {
            r->cache[i].used = ++r->clock;
            return &r->cache[i];
        }
    }
    return NULL;
}

/* Takes fd. */
static const struct cached *
insert(struct tar_root *r, const char *path, int fd, const struct stat *st)
{
    struct cached *c = &r->cache[0];

    for (size_t i = 0; i < CACHED; i++) {
        if (!r->cache[i].path || r->cache[i].used < c->used)
            c = &r->cache[i];
        if (!c->path)
            break;
    }
    if (c->path)
        drop(c);
    c->path = xstrdup(path);
    c->dir = (struct tar_dir){.fd = fd, .gid = st->st_gid, .ino = st->st_ino};
    c->used = ++r->clock;
    return c;
}

void
tar_root_remember(struct tar_root *r, const char *path, int fd)
{
    struct stat st;

    if (find(r, path) || fstat(fd, &st) < 0)
        (void) fd_close(fd);
    else
        (void) insert(r, path, fd, &st);
}

int
tar_root_set_opaque(struct tar_root *r, int fd, struct err *err)
{
    const char *name = r->options->userxattr ? "user.overlay.opaque" : "trusted.overlay.opaque";
    char path[PATH_FD_MAX];
    int fault = FAULT("apply.opaque");

    /* By path, because fd may be O_PATH. */
    if (fault || setxattr(path_of_fd(fd, path), name, "y", 1, 0) < 0)
        return err_sys(err, fault ? fault : errno, "mark the directory opaque");
    return 0;
}

/* ---- the slow way: one component after the other, making what is missing ---- */

struct walk {
    struct tar_root *r;
    int fd;            /* of the directory reached; r->fd when at the root */
    char at[PATH_MAX]; /* its path without symlinks */
    size_t len;
    char way[WAY_MAX]; /* what is still to go */
    unsigned links;
    bool create;
};

static int
not_a_directory(const char *name, struct err *err)
{
    char shown[TAR_NAME_SHOWN_MAX];

    return err_set(err, CODE_INVALID_ARGUMENT, "the parent '%s' is not a directory",
                   tar_name_show(name, shown));
}

static void
go_to(struct walk *w, int fd)
{
    if (w->fd != w->r->fd)
        (void) fd_close(w->fd);
    w->fd = fd;
}

static int
go_up(struct walk *w, struct err *err)
{
    char *slash = strrchr(w->at, '/');
    int fd;

    w->len = slash ? (size_t) (slash - w->at) : 0;
    w->at[w->len] = '\0';
    if (!w->len) {
        go_to(w, w->r->fd);
        return 0;
    }
    fd = open_inside(w->r->fd, w->at, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (fd < 0)
        return err_sys(err, errno, "open a parent directory");
    go_to(w, fd);
    return 0;
}

/* Takes fd. */
static int
go_down(struct walk *w, const char *name, int fd, struct err *err)
{
    size_t n = strlen(name);

    if (w->len + 1 + n >= sizeof w->at) {
        (void) fd_close(fd);
        return err_set(err, CODE_INVALID_ARGUMENT, "the path is too long");
    }
    if (w->len)
        w->at[w->len++] = '/';
    memcpy(w->at + w->len, name, n + 1);
    w->len += n;
    go_to(w, fd);
    return 0;
}

/* The same directory in the nearest lower layer that has the path, or -1. */
static int
open_lower(const struct walk *w, const char *name)
{
    const struct tar_root_options *o = w->r->options;
    char path[PATH_MAX + NAME_MAX + 2];

    (void) snprintf(path, sizeof path, "%s%s%s", w->at, w->len ? "/" : "", name);
    for (size_t i = 0; i < o->n_lower_fds; i++) {
        int fd = open_inside(o->lower_fds[i], path, O_RDONLY | O_DIRECTORY);

        /* Anything but "missing" means that it is there and not a directory: replaced, nothing to copy. */
        if (fd >= 0 || errno != ENOENT)
            return fd;
    }
    return -1;
}

/* Attributes of a directory that the archive needs but does not describe. */
static int
describe(struct walk *w, const char *name, int fd, bool opaque, struct err *err)
{
    const struct tar_root_options *o = w->r->options;
    auto_close int lower = opaque ? -1 : open_lower(w, name);
    char path[PATH_MAX + NAME_MAX + 2];
    struct timespec times[2];
    int r;

    if (opaque) {
        r = tar_root_set_opaque(w->r, fd, err);
        if (r < 0)
            return r;
    }
    if (lower >= 0) {
        r = tar_inode_copy_dir(lower, fd, times, err);
        if (r < 0)
            return err_wrap(err, r, "copy the attributes of the lower directory");
        (void) snprintf(path, sizeof path, "%s%s%s", w->at, w->len ? "/" : "", name);
        if (o->on_times)
            o->on_times(o->arg, path, times);
        return 0;
    }
    if ((o->new_uid != (uid_t) -1 || o->new_gid != (gid_t) -1) &&
        fchown(fd, o->new_uid, o->new_gid) < 0)
        return err_sys(err, errno, "set the owner of a parent directory");
    if (fchmod(fd, 0755) < 0)
        return err_sys(err, errno, "set the mode of a parent directory");
    return 0;
}

static int
make_step(struct walk *w, const char *name, bool opaque, struct err *err)
{
    int r, fault = FAULT("apply.mkdir");
    auto_close int fd = -1;

    if (!w->create)
        return err_set(err, CODE_NOT_FOUND, "no such directory");
    if (fault || mkdirat(w->fd, name, 0700) < 0)
        return tar_inode_error(err, fault ? fault : errno, "make a parent directory");
    fd = openat(w->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, errno, "open a parent directory");
    r = describe(w, name, fd, opaque, err);
    if (r < 0)
        return r;
    return go_down(w, name, TAKE_FD(fd), err);
}

/* The target of the symlink behind fd takes the place of the component. */
static int
follow(struct walk *w, int fd, struct err *err)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(fd, "", target, sizeof target);
    size_t rest = strlen(w->way);

    if (n < 0)
        return err_sys(err, errno, "read a symlink");
    if (++w->links > LINKS_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "more than %d symlinks on the way", LINKS_MAX);
    if ((size_t) n + 1 + rest >= sizeof w->way)
        return err_set(err, CODE_INVALID_ARGUMENT, "the path is too long");
    memmove(w->way + n + 1, w->way, rest + 1);
    memcpy(w->way, target, (size_t) n);
    w->way[n] = '/';
    if (n && target[0] == '/') {
        go_to(w, w->r->fd);
        w->len = 0;
        w->at[0] = '\0';
    }
    return 0;
}

static int
step(struct walk *w, const char *name, struct err *err)
{
    const struct tar_root_options *o = w->r->options;
    auto_close int fd = open_how(w->fd, name, O_PATH | O_NOFOLLOW, RESOLVE_BENEATH);
    struct stat st;

    if (fd < 0 && errno == ENOENT)
        return make_step(w, name, false, err);
    if (fd < 0)
        return tar_inode_error(err, errno, "look up a parent directory");
    if (fstat(fd, &st) < 0)
        return err_sys(err, errno, "stat a parent directory");
    if (S_ISLNK(st.st_mode))
        return follow(w, fd, err);
    if (S_ISCHR(st.st_mode) && st.st_rdev == 0 && o->overlay && w->create) {
        /* The layer took away what was there, and now has a directory of that name. */
        if (unlinkat(w->fd, name, 0) < 0)
            return err_sys(err, errno, "replace a whiteout");
        return make_step(w, name, true, err);
    }
    if (!S_ISDIR(st.st_mode))
        return not_a_directory(name, err);
    return go_down(w, name, TAKE_FD(fd), err);
}

static int
walk_on(struct walk *w, struct err *err)
{
    const struct tar_root_options *o = w->r->options;
    char name[NAME_MAX + 1];
    struct stat st;
    size_t n, skip;
    int r = 0;

    while (r == 0) {
        skip = strspn(w->way, "/");
        n = strcspn(w->way + skip, "/");
        if (!n)
            return 0;
        if (n > NAME_MAX)
            return err_set(err, CODE_INVALID_ARGUMENT, "a part of the path is too long");
        memcpy(name, w->way + skip, n);
        name[n] = '\0';
        memmove(w->way, w->way + skip + n, strlen(w->way + skip + n) + 1);
        if (strcmp(name, ".") == 0)
            continue;
        if (strcmp(name, "..") == 0) {
            r = go_up(w, err);
            continue;
        }
        if (o->on_step && fstat(w->fd, &st) == 0)
            o->on_step(o->arg, st.st_ino, name);
        r = step(w, name, err);
    }
    return r;
}

static int
walk(struct tar_root *r, const char *path, bool create, int *ret_fd, struct err *err)
{
    auto_free struct walk *w = xcalloc(1, sizeof *w);
    int rc;

    if (strlen(path) >= sizeof w->way)
        return err_set(err, CODE_INVALID_ARGUMENT, "the path is too long");
    memcpy(w->way, path, strlen(path) + 1);
    w->r = r;
    w->fd = r->fd;
    w->create = create;
    rc = walk_on(w, err);
    if (rc == 0 && w->fd == r->fd) {
        *ret_fd = fcntl(r->fd, F_DUPFD_CLOEXEC, 0);
        return *ret_fd < 0 ? err_sys(err, errno, "duplicate the root") : 0;
    }
    if (rc == 0)
        *ret_fd = w->fd;
    else
        go_to(w, r->fd);
    return rc;
}

/* ---- the fast way: the kernel walks ---- */

int
tar_root_dir(struct tar_root *r, const char *path, bool create, struct tar_dir *ret,
             struct err *err)
{
    const struct cached *c;
    auto_close int fd = -1;
    struct stat st;
    int rc;

    if (!*path) {
        *ret = (struct tar_dir){.fd = r->fd, .gid = r->st.st_gid, .ino = r->st.st_ino};
        return 0;
    }
    c = find(r, path);
    if (!c) {
        /* Whoever wants every step must see them all. */
        if (!r->options->on_step || !create)
            fd = open_inside(r->fd, path, O_PATH | O_DIRECTORY);
        if (fd < 0) {
            rc = walk(r, path, create, &fd, err);
            if (rc < 0)
                return rc;
        }
        if (fstat(fd, &st) < 0)
            return err_sys(err, errno, "stat a parent directory");
        c = insert(r, path, TAKE_FD(fd), &st);
    }
    *ret = c->dir;
    return 0;
}
