/* SPDX-License-Identifier: Apache-2.0 */
/* Copying a directory tree with all that belongs to its files. */
#include "volume_copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/base/mem.h"

#define COPY_CHUNK      (1024 * 1024)
#define XATTR_NAMES_MAX (64 * 1024)
#define XATTR_VALUE_MAX (64 * 1024)

/* A file with several names that has been copied under one of them. */
struct linked {
    ino_t ino;
    char *path; /* from the root of the copy */
};

struct copy {
    int root_fd; /* of the copy */
    dev_t dev;
    struct linked *links;
    size_t n_links;
    struct err *err;
};

static int copy_dir(struct copy *c, int from_fd, int to_fd, const char *path, unsigned depth);

static void
copy_xattrs(int from_fd, int to_fd)
{
    auto_free char *names = xmalloc(XATTR_NAMES_MAX), *value = xmalloc(XATTR_VALUE_MAX);
    ssize_t len = flistxattr(from_fd, names, XATTR_NAMES_MAX);

    for (ssize_t at = 0; at < len; at += (ssize_t) strlen(names + at) + 1) {
        ssize_t n = fgetxattr(from_fd, names + at, value, XATTR_VALUE_MAX);

        /* a filesystem without them keeps the files, as cp does */
        if (n >= 0)
            (void) fsetxattr(to_fd, names + at, value, (size_t) n, 0);
    }
}

/* Owner before mode: a change of owner takes set-uid bits away. */
static int
copy_attributes(struct copy *c, int from_fd, int to_fd, const struct stat *st, const char *path)
{
    const struct timespec times[2] = {st->st_atim, st->st_mtim};

    if (fchown(to_fd, st->st_uid, st->st_gid) < 0 || fchmod(to_fd, st->st_mode & 07777) < 0)
        return err_sys(c->err, errno, "set the owner of '%s'", path);
    copy_xattrs(from_fd, to_fd);
    (void) futimens(to_fd, times);
    return 0;
}

static int
copy_range(int from_fd, int to_fd, off_t start, off_t end)
{
    while (start < end) {
        off_t in = start, out = start;
        ssize_t n = copy_file_range(from_fd, &in, to_fd, &out, (size_t) (end - start), 0);

        if (n == 0)
            return 0; /* it has become shorter */
        if (n < 0 &&
            (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS)) {
            auto_free char *chunk = xmalloc(COPY_CHUNK);
            size_t want = end - start < COPY_CHUNK ? (size_t) (end - start) : COPY_CHUNK;

            n = fd_pread_full(from_fd, chunk, want, start);
            if (n > 0 && fd_pwrite_all(to_fd, chunk, (size_t) n, start) < 0)
                return -1;
            if (n == 0)
                return 0;
        }
        if (n < 0)
            return -1;
        start += n;
    }
    return 0;
}

static int
copy_data(int from_fd, int to_fd, off_t size)
{
    off_t at = 0;

    if (ftruncate(to_fd, size) < 0)
        return -1;
    while (at < size) {
        off_t start = lseek(from_fd, at, SEEK_DATA), end;

        if (start < 0)
            return errno == ENXIO ? 0 : copy_range(from_fd, to_fd, at, size);
        end = lseek(from_fd, start, SEEK_HOLE);
        if (end < 0)
            end = size;
        if (copy_range(from_fd, to_fd, start, end) < 0)
            return -1;
        at = end;
    }
    return 0;
}

static int
copy_file(struct copy *c, int from_dir, const char *name, int to_dir, const struct stat *st,
          const char *path)
{
    auto_close int from_fd = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    auto_close int to_fd = -1;

    if (from_fd < 0)
        return err_sys(c->err, errno, "open '%s'", path);
    to_fd = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to_fd < 0 || copy_data(from_fd, to_fd, st->st_size) < 0)
        return err_sys(c->err, errno, "copy '%s'", path);
    return copy_attributes(c, from_fd, to_fd, st, path);
}

static int
copy_symlink(struct copy *c, int from_dir, const char *name, int to_dir, const struct stat *st,
             const char *path)
{
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    char text[PATH_MAX];
    ssize_t n = readlinkat(from_dir, name, text, sizeof text - 1);

    if (n < 0)
        return err_sys(c->err, errno, "read the link '%s'", path);
    text[n] = '\0';
    if (symlinkat(text, to_dir, name) < 0 ||
        fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return err_sys(c->err, errno, "make the link '%s'", path);
    (void) utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW);
    return 0;
}

static int
copy_node(struct copy *c, const char *name, int to_dir, const struct stat *st, const char *path)
{
    const struct timespec times[2] = {st->st_atim, st->st_mtim};

    if (mknodat(to_dir, name, st->st_mode & (S_IFMT | 0600), st->st_rdev) < 0 ||
        fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        fchmodat(to_dir, name, st->st_mode & 07777, 0) < 0)
        return err_sys(c->err, errno, "make '%s'", path);
    (void) utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW);
    return 0;
}

static int
copy_subdir(struct copy *c, int from_dir, const char *name, int to_dir, const char *path,
            unsigned depth)
{
    auto_close int from_fd =
        openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    auto_close int to_fd = -1;

    if (from_fd < 0)
        return err_sys(c->err, errno, "open '%s'", path);
    if (mkdirat(to_dir, name, 0700) < 0)
        return err_sys(c->err, errno, "make '%s'", path);
    to_fd = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (to_fd < 0)
        return err_sys(c->err, errno, "open '%s'", path);
    return copy_dir(c, from_fd, to_fd, path, depth + 1);
}

/* 1 when the file was copied under another name already and is linked to that now. */
static int
link_known(struct copy *c, int to_dir, const char *name, const struct stat *st, const char *path)
{
    for (size_t i = 0; i < c->n_links; i++)
        if (c->links[i].ino == st->st_ino)
            return linkat(c->root_fd, c->links[i].path, to_dir, name, 0) == 0
                       ? 1
                       : err_sys(c->err, errno, "link '%s'", path);
    c->links = xreallocarray(c->links, c->n_links + 1, sizeof *c->links);
    c->links[c->n_links++] = (struct linked){.ino = st->st_ino, .path = xstrdup(path)};
    return 0;
}

static int
copy_entry(struct copy *c, int from_dir, const char *name, int to_dir, const char *dir_path,
           unsigned depth)
{
    auto_free char *path = xasprintf("%s%s%s", dir_path, *dir_path ? "/" : "", name);
    struct stat st;
    int r;

    if (fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_sys(c->err, errno, "look at '%s'", path);
    if (S_ISSOCK(st.st_mode))
        return 0;
    if (S_ISDIR(st.st_mode))
        return st.st_dev == c->dev ? copy_subdir(c, from_dir, name, to_dir, path, depth) : 0;
    if (st.st_nlink > 1) {
        r = link_known(c, to_dir, name, &st, path);
        if (r != 0)
            return r < 0 ? r : 0;
    }
    if (S_ISREG(st.st_mode))
        return copy_file(c, from_dir, name, to_dir, &st, path);
    if (S_ISLNK(st.st_mode))
        return copy_symlink(c, from_dir, name, to_dir, &st, path);
    return copy_node(c, name, to_dir, &st, path);
}

/* The directory's own attributes come last: what is made in it changes its times. */
static int
copy_dir(struct copy *c, int from_fd, int to_fd, const char *path, unsigned depth)
{
    int list_fd = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = list_fd < 0 ? NULL : fdopendir(list_fd);
    struct dirent *e;
    struct stat st;
    int r = 0;

    if (!dir) {
        (void) fd_close(list_fd);
        return err_sys(c->err, errno, "list '%s'", path);
    }
    if (depth > VOLUME_COPY_DEPTH_MAX)
        r = err_set(c->err, CODE_RESOURCE_EXHAUSTED, "'%.128s' is deeper than %d directories", path,
                    VOLUME_COPY_DEPTH_MAX);
    while (r == 0 && (e = readdir(dir)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            r = copy_entry(c, from_fd, e->d_name, to_fd, path, depth);
    (void) closedir(dir);
    if (r == 0 && fstat(from_fd, &st) < 0)
        r = err_sys(c->err, errno, "look at '%s'", path);
    return r != 0 ? r : copy_attributes(c, from_fd, to_fd, &st, path);
}

int
volume_copy_tree(int from_fd, int to_fd, struct err *err)
{
    struct copy c = {.root_fd = to_fd, .err = err};
    struct stat st;
    int r;

    if (fstat(from_fd, &st) < 0)
        return err_sys(err, errno, "look at the directory of the image");
    c.dev = st.st_dev;
    r = copy_dir(&c, from_fd, to_fd, "", 0);
    for (size_t i = 0; i < c.n_links; i++)
        free(c.links[i].path);
    free(c.links);
    return r;
}
