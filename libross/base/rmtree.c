/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removing a directory tree without leaving it.
 *
 * A stack of directories replaces recursion. The deepest OPEN_MAX_LEVELS of them are open; a shallower one is closed
 * and found again through ".." of its child, which is believed only when device and inode are the ones remembered, so
 * a directory that was moved away meanwhile is never mistaken for a parent. Directories are opened with openat2, which
 * refuses symlinks and mount points itself.
 */
#include "rmtree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "fault.h"
#include "fd.h"
#include "mem.h"
#include "path.h"

#define OPEN_MAX_LEVELS 64
#define RESCANS_MAX     16 /* directories that somebody refills while we empty them */

struct level {
    DIR *dir; /* NULL while closed */
    dev_t dev;
    ino_t ino;
    unsigned rescans;
    char *name; /* below its parent; NULL for the directory at the bottom of the stack */
};

struct walk {
    struct level *levels;
    size_t n, cap;
};

static void
level_done(struct level *lv)
{
    if (lv->dir)
        (void) closedir(lv->dir);
    free(lv->name);
}

static void
walk_done(struct walk *w)
{
    while (w->n)
        level_done(&w->levels[--w->n]);
    free(w->levels);
}

static int
open_beneath(int dir_fd, const char *name, uint64_t flags)
{
    struct open_how how = {
        .flags = flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
        .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
    };
    long fd;

    do
        fd = syscall(SYS_openat2, dir_fd, name, &how, sizeof how);
    while (fd < 0 && (errno == EAGAIN || errno == EINTR));
    return (int) fd;
}

/*
 * Only the part of `name` behind the last slash may not be a mount point or symlink; what leads there is the
 * caller's.
 */
static int
open_parent(int dir_fd, const char *name, const char **ret_last)
{
    const char *slash = strrchr(name, '/');
    auto_free char *parent = NULL;

    *ret_last = slash ? slash + 1 : name;
    if (!slash)
        return openat(dir_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    parent = slash == name ? xstrdup("/") : xstrndup(name, (size_t) (slash - name));
    return openat(dir_fd, parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Clears the immutable and append-only flags of what the fd is. True when there was something to clear. */
static bool
make_mutable(int fd)
{
    int flags;

    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 || !(flags & (FS_IMMUTABLE_FL | FS_APPEND_FL)))
        return false;
    flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
    return ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
}

/* The same for a name; devices and the like are not opened. */
static bool
make_mutable_at(int dir_fd, const char *name)
{
    auto_close int fd = -1;
    struct stat st;

    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
        return false;
    fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return fd >= 0 && make_mutable(fd);
}

/* The directory for reading, made accessible when only its mode forbids that. -1 with errno. */
static int
open_dir(int dir_fd, const char *name)
{
    char path[PATH_FD_MAX];
    auto_close int handle = -1;
    int fd;

    fd = open_beneath(dir_fd, name, O_RDONLY);
    if (fd >= 0 || errno != EACCES)
        return fd;
    /* a directory of ours may lack the search bit; the caller's own is an O_PATH fd, which this leaves alone */
    if (fchmod(dir_fd, 0700) == 0) {
        fd = open_beneath(dir_fd, name, O_RDONLY);
        if (fd >= 0 || errno != EACCES)
            return fd;
    }
    handle = open_beneath(dir_fd, name, O_PATH);
    if (handle < 0 || chmod(path_of_fd(handle, path), 0700) < 0)
        return -1;
    return open_beneath(dir_fd, name, O_RDONLY);
}

/* Unlinks, and when that is forbidden by a mode or flag that we may change, changes it first. -1 with errno. */
static int
unlink_hard(int dir_fd, const char *name, int flags)
{
    int fault = FAULT("rmtree.unlink"), saved;
    bool retry;

    if (fault) {
        errno = fault;
        return -1;
    }
    if (unlinkat(dir_fd, name, flags) == 0 || errno == ENOENT)
        return 0;
    saved = errno;
    retry = false;
    if (saved == EACCES) /* the directory is not writable, and we are not root */
        retry = fchmod(dir_fd, 0700) == 0;
    else if (saved == EPERM) {
        retry = make_mutable(dir_fd);
        retry |= make_mutable_at(dir_fd, name);
    }
    errno = saved;
    return retry ? unlinkat(dir_fd, name, flags) : -1;
}

static int
fail(struct err *err, int sys_errno, const char *name)
{
    int r;

    if (sys_errno != EXDEV && sys_errno != EBUSY)
        return err_sys(err, sys_errno, "remove '%s'", name);
    r = err_set(err, CODE_FAILED_PRECONDITION, "remove '%s': it is a mount point", name);
    if (err)
        err->sys_errno = sys_errno;
    return r;
}

/* Puts a directory on the stack. Takes fd and name, also on failure. */
static int
push(struct walk *w, int fd, char *name, struct err *err)
{
    struct level lv = {.name = name};
    struct stat st;
    int r;

    if (fstat(fd, &st) < 0 || !(lv.dir = fdopendir(fd))) {
        r = fail(err, errno, name ? name : ".");
        (void) fd_close(fd);
        free(name);
        return r;
    }
    lv.dev = st.st_dev;
    lv.ino = st.st_ino;
    if (w->n == w->cap) {
        w->cap = w->cap ? 2 * w->cap : 16;
        w->levels = xreallocarray(w->levels, w->cap, sizeof *w->levels);
    }
    w->levels[w->n++] = lv;
    if (w->n > OPEN_MAX_LEVELS) {
        struct level *old = &w->levels[w->n - 1 - OPEN_MAX_LEVELS];

        if (old->dir)
            (void) closedir(old->dir);
        old->dir = NULL;
    }
    return 0;
}

/* Opens the level below the top again, through the top's "..". */
static int
reopen_parent(struct walk *w, struct err *err)
{
    struct level *top = &w->levels[w->n - 1], *up = top - 1;
    struct stat st;
    int fd;

    if (up->dir)
        return 0;
    fd = open_beneath(dirfd(top->dir), "..", O_RDONLY);
    if (fd < 0)
        return fail(err, errno, "..");
    if (fstat(fd, &st) < 0 || st.st_dev != up->dev || st.st_ino != up->ino) {
        (void) fd_close(fd);
        return err_set(err, CODE_ABORTED, "remove '%s': it was moved meanwhile", top->name);
    }
    up->dir = fdopendir(fd);
    if (!up->dir) {
        int r = fail(err, errno, "..");

        (void) fd_close(fd);
        return r;
    }
    return 0;
}

/* The top directory is read to its end: leave it and remove it. */
static int
leave(struct walk *w, struct err *err)
{
    struct level *top = &w->levels[w->n - 1];
    int r;

    if (w->n == 1) {
        /* its owner removes it */
        level_done(top);
        w->n = 0;
        return 0;
    }
    r = reopen_parent(w, err);
    if (r < 0)
        return r;
    if (unlink_hard(dirfd(top[-1].dir), top->name, AT_REMOVEDIR) < 0) {
        if ((errno != ENOTEMPTY && errno != EEXIST) || ++top->rescans > RESCANS_MAX)
            return fail(err, errno, top->name);
        rewinddir(top->dir);
        return 0;
    }
    level_done(top);
    w->n--;
    return 0;
}

/* One entry of the top directory: gone, or on the stack. */
static int
take_entry(struct walk *w, const struct dirent *e, struct err *err)
{
    int dir_fd = dirfd(w->levels[w->n - 1].dir), fd;

    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
        return 0;
    if (e->d_type != DT_DIR) {
        if (unlink_hard(dir_fd, e->d_name, 0) == 0)
            return 0;
        if (errno != EISDIR)
            return fail(err, errno, e->d_name);
    }
    fd = open_dir(dir_fd, e->d_name);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0)
        return fail(err, errno, e->d_name);
    return push(w, fd, xstrdup(e->d_name), err);
}

/* Empties the directory; takes fd. */
static int
empty_dir(int fd, struct err *err)
{
    struct walk w = {0};
    struct dirent *e;
    int r;

    r = push(&w, fd, NULL, err);
    while (r == 0 && w.n) {
        errno = 0;
        e = readdir(w.levels[w.n - 1].dir);
        if (e)
            r = take_entry(&w, e, err);
        else if (errno)
            r = fail(err, errno, w.levels[w.n - 1].name ? w.levels[w.n - 1].name : ".");
        else
            r = leave(&w, err);
    }
    walk_done(&w);
    return r;
}

int
rmtree_at(int dir_fd, const char *name, struct err *err)
{
    auto_close int parent = -1;
    const char *last;
    int fd, r;

    parent = open_parent(dir_fd, name, &last);
    if (parent < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (parent < 0)
        return fail(err, errno, name);
    if (!path_is_name(last))
        return err_set(err, CODE_INVALID_ARGUMENT, "'%.128s' does not name an entry of a directory",
                       name);
    for (unsigned tries = 0;; tries++) {
        fd = open_dir(parent, last);
        if (fd < 0 && errno == ENOENT)
            return 0;
        if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
            return unlink_hard(parent, last, 0) < 0 ? fail(err, errno, name) : 0;
        if (fd < 0)
            return fail(err, errno, name);
        r = empty_dir(fd, err);
        if (r < 0)
            return err_wrap(err, r, "remove '%s'", name);
        if (unlink_hard(parent, last, AT_REMOVEDIR) == 0)
            return 0;
        if ((errno != ENOTEMPTY && errno != EEXIST) || tries >= RESCANS_MAX)
            return fail(err, errno, name);
    }
}

int
rmtree_contents(int dir_fd, struct err *err)
{
    int fd;

    /* a descriptor of our own: the caller's may be O_PATH, and reading would move its offset */
    fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, errno, ".");
    return empty_dir(fd, err);
}
