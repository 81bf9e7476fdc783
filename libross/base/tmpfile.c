/* SPDX-License-Identifier: Apache-2.0 */
/* Files that appear whole or not at all, and durably. */
#include "tmpfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fault.h"
#include "fd.h"
#include "path.h"
#include "random.h"

#define TMP_NAME_MAX (sizeof TMPFILE_PREFIX + 16)

struct tmpfile_ {
    int fd;
    int dir_fd;
    char name[TMP_NAME_MAX]; /* "" while it has none */
};

/* Takes a fault where there is one: `FAULTY("x") || real_call() < 0`, errno is set in both cases. */
static int
faulty(int sys_errno)
{
    if (sys_errno)
        errno = sys_errno;
    return sys_errno != 0;
}

static char *
tmp_name(char name[static TMP_NAME_MAX])
{
    char hex[17];

    (void) snprintf(name, TMP_NAME_MAX, "%s%s", TMPFILE_PREFIX, random_hex(hex, 8));
    return name;
}

static int
open_named(struct tmpfile_ *t, mode_t mode)
{
    t->fd = openat(t->dir_fd, tmp_name(t->name), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                   mode);
    if (t->fd < 0)
        t->name[0] = '\0';
    return t->fd;
}

int
tmpfile_open_at(int dir_fd, mode_t mode, struct tmpfile_ **ret, struct err *err)
{
    AUTO_PTR(tmpfile_) t = xcalloc(1, sizeof *t);

    t->dir_fd = dir_fd;
    t->fd = -1;
    if (faulty(FAULT("tmpfile.open")))
        return err_sys(err, errno, "create temporary file");
    t->fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
    /* overlay on some backings, 9p, fuse …: not every filesystem can */
    if (t->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL || errno == ENOENT))
        (void) open_named(t, mode);
    if (t->fd < 0 || fchmod(t->fd, mode) < 0)
        return err_sys(err, errno, "create temporary file");
    *ret = TAKE(t);
    return 0;
}

int
tmpfile_fd(const struct tmpfile_ *t)
{
    return t->fd;
}

static int
link_unnamed(int fd, int to_dir_fd, const char *name)
{
    char path[PATH_FD_MAX];

    if (linkat(AT_FDCWD, path_of_fd(fd, path), to_dir_fd, name, AT_SYMLINK_FOLLOW) == 0)
        return 0;
    if (errno != ENOENT)
        return -1;
    /* without /proc; needs CAP_DAC_READ_SEARCH */
    return linkat(fd, "", to_dir_fd, name, AT_EMPTY_PATH);
}

/* Gives the file its name where none may be. The temporary name, if any, is gone afterwards. */
static int
name_new(struct tmpfile_ *t, int to_dir_fd, const char *name)
{
    if (!t->name[0])
        return link_unnamed(t->fd, to_dir_fd, name);
    if (renameat2(t->dir_fd, t->name, to_dir_fd, name, RENAME_NOREPLACE) < 0) {
        if (errno != EINVAL && errno != ENOSYS)
            return -1;
        /* the filesystem does not know RENAME_NOREPLACE */
        if (linkat(t->dir_fd, t->name, to_dir_fd, name, 0) < 0)
            return -1;
        (void) unlinkat(t->dir_fd, t->name, 0);
    }
    t->name[0] = '\0';
    return 0;
}

/* linkat cannot replace, so an unnamed file takes a temporary name in the target directory first. */
static int
name_over(struct tmpfile_ *t, int to_dir_fd, const char *name)
{
    char tmp[TMP_NAME_MAX];

    if (!t->name[0]) {
        if (link_unnamed(t->fd, to_dir_fd, tmp_name(tmp)) < 0)
            return -1;
        t->dir_fd = to_dir_fd;
        memcpy(t->name, tmp, sizeof t->name);
    }
    if (faulty(FAULT("tmpfile.rename")) || renameat(t->dir_fd, t->name, to_dir_fd, name) < 0)
        return -1;
    t->name[0] = '\0';
    return 0;
}

int
tmpfile_publish(struct tmpfile_ *t, int to_dir_fd, const char *name, int replace, struct err *err)
{
    int r;

    if (faulty(FAULT("tmpfile.fsync")) || fsync(t->fd) < 0)
        return err_sys(err, errno, "sync '%s'", name);
    if (faulty(FAULT("tmpfile.link")))
        return err_sys(err, errno, "publish '%s'", name);
    r = replace ? name_over(t, to_dir_fd, name) : name_new(t, to_dir_fd, name);
    if (r < 0 && errno == EEXIST && !replace)
        return err_set(err, CODE_ALREADY_EXISTS, "'%s' already exists", name);
    if (r < 0)
        return err_sys(err, errno, "publish '%s'", name);
    if (faulty(FAULT("tmpfile.dirsync")))
        return err_sys(err, errno, "publish '%s'", name);
    r = path_sync_dir(to_dir_fd, err);
    return r < 0 ? err_wrap(err, r, "publish '%s'", name) : 0;
}

void
tmpfile__free(struct tmpfile_ *t)
{
    if (!t)
        return;
    if (t->name[0])
        (void) unlinkat(t->dir_fd, t->name, 0);
    (void) fd_close(t->fd);
    free(t);
}

int
tmpfile_write_at(int dir_fd, const char *name, const void *p, size_t n, mode_t mode,
                 struct err *err)
{
    AUTO_PTR(tmpfile_) t = NULL;
    int r;

    r = tmpfile_open_at(dir_fd, mode, &t, err);
    if (r < 0)
        return err_wrap(err, r, "write '%s'", name);
    if (faulty(FAULT("tmpfile.write")) || fd_write_all(t->fd, p, n) < 0)
        return err_sys(err, errno, "write '%s'", name);
    return tmpfile_publish(t, dir_fd, name, 1, err);
}

static bool
is_leftover(const char *name)
{
    size_t len = strlen(TMPFILE_PREFIX);

    return strncmp(name, TMPFILE_PREFIX, len) == 0 && strlen(name) == len + 16 &&
           strspn(name + len, "0123456789abcdef") == 16;
}

int
tmpfile_collect_at(int dir_fd, struct err *err)
{
    struct dirent *e;
    int fd, r = 0;
    DIR *dir;

    fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        r = err_sys(err, errno, "look for temporary files");
        (void) fd_close(fd);
        return r;
    }
    while ((errno = 0, e = readdir(dir)))
        if (is_leftover(e->d_name) && unlinkat(dir_fd, e->d_name, 0) < 0 && errno != ENOENT) {
            r = err_sys(err, errno, "remove '%s'", e->d_name);
            break;
        }
    if (r == 0 && errno)
        r = err_sys(err, errno, "look for temporary files");
    (void) closedir(dir);
    return r;
}
