/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every entry of a directory tree that others may be changing.
 *
 * A level holds the names of its sub-directories, read whole, so that no descriptor stays open for it: going up is
 * openat(".."), and the inode found there is compared with the one that was left, because a directory can be moved
 * while the walk is inside. When it was, the rest of that level is skipped.
 */
#include "tree_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "libross/base/fd.h"
#include "libross/base/strv.h"

struct level {
    struct strv subdirs; /* not yet entered, taken from the end */
    dev_t dev;
    ino_t ino;
};

struct walk {
    struct level *levels;
    size_t n, room;
    dev_t root_dev;
    tree_walk_fn fn;
    void *arg;
};

static bool
is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int
visit(struct walk *w, struct level *level, int dir_fd, const char *name, struct err *err)
{
    struct stat st;
    int r;

    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT)
            return 0;
        return err_sys(err, errno, "stat '%s'", name);
    }
    if (st.st_dev != w->root_dev)
        return 0;
    r = w->fn(dir_fd, name, &st, w->arg, err);
    if (r == 0 && S_ISDIR(st.st_mode))
        strv_add(&level->subdirs, name);
    return r;
}

/* Reads the directory behind fd into a new level on top of the stack. */
static int
push(struct walk *w, int fd, struct err *err)
{
    struct level *level;
    struct dirent *e;
    struct stat st;
    DIR *d;
    int copy, r = 0;

    if (fstat(fd, &st) < 0)
        return err_sys(err, errno, "stat a directory");
    copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    d = copy < 0 ? NULL : fdopendir(copy);
    if (!d) {
        r = errno == ENOENT ? 0 : err_sys(err, errno, "open a directory");
        (void) fd_close(copy);
        if (r < 0)
            return r;
    }
    if (w->n == w->room) {
        w->room = w->room ? 2 * w->room : 16;
        w->levels = xreallocarray(w->levels, w->room, sizeof *w->levels);
    }
    level = &w->levels[w->n++];
    *level = (struct level){.dev = st.st_dev, .ino = st.st_ino};
    if (!d)
        return 0;
    for (errno = 0; r == 0 && (e = readdir(d)); errno = 0)
        if (!is_dot(e->d_name))
            r = visit(w, level, fd, e->d_name, err);
    if (r == 0 && errno)
        r = err_sys(err, errno, "read a directory");
    (void) closedir(d);
    return r;
}

static void
pop(struct walk *w)
{
    strv_done(&w->levels[--w->n].subdirs);
}

/* The directory above *fd, when it still is the one on top of the stack. */
static void
go_up(struct walk *w, int *fd)
{
    struct level *top = &w->levels[w->n - 1];
    struct stat st;
    int up = openat(*fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (up < 0 || fstat(up, &st) < 0 || st.st_dev != top->dev || st.st_ino != top->ino)
        strv_done(&top->subdirs);
    (void) fd_close(*fd);
    *fd = up;
}

static int
run(struct walk *w, int *fd, struct err *err)
{
    auto_free char *name = NULL;
    struct level *top;
    int sub, r;

    r = push(w, *fd, err);
    while (r == 0 && w->n) {
        top = &w->levels[w->n - 1];
        if (!top->subdirs.n) {
            pop(w);
            if (w->n)
                go_up(w, fd);
            continue;
        }
        free(name);
        top->subdirs.n--;
        name = TAKE(top->subdirs.items[top->subdirs.n]);
        sub = openat(*fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (sub < 0) {
            if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
                r = err_sys(err, errno, "open directory '%s'", name);
            continue;
        }
        (void) fd_close(*fd);
        *fd = sub;
        r = push(w, *fd, err);
    }
    return r;
}

int
tree_walk(int root_fd, tree_walk_fn fn, void *arg, struct err *err)
{
    struct walk w = {.fn = fn, .arg = arg};
    auto_close int fd = -1;
    struct stat st;
    int r;

    fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(err, errno, "open the root of a tree");
    w.root_dev = st.st_dev;
    r = run(&w, &fd, err);
    while (w.n)
        pop(&w);
    free(w.levels);
    return r;
}
