/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes in the order that keeps them: chown clears setuid and capabilities, what comes later moves times. */
#include "tar_inode.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "libross/base/fault.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"

#define TIME_SEC_MAX INT64_C(9223372036) /* Go's time.Time as int64 nanoseconds ends in 2262 */
#define LIST_BYTES   (64 * 1024)
#define VALUE_BYTES  (64 * 1024)

int
tar_inode_error(struct err *err, int sys_errno, const char *what)
{
    switch (sys_errno) {
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
    case ENOTDIR:
    case EISDIR:
    case ERANGE:
    case E2BIG:
    case EMLINK:
    case EXDEV:
        (void) err_sys(err, sys_errno, "%s", what);
        if (err)
            err->code = CODE_INVALID_ARGUMENT;
        return -CODE_INVALID_ARGUMENT;
    case EFBIG:
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "%s: %s", what, strerror(EFBIG));
    default:
        return err_sys(err, sys_errno, "%s", what);
    }
}

static struct timespec
bounded(struct tar_time t)
{
    struct timespec ts = {.tv_sec = t.sec, .tv_nsec = t.nsec};

    if (t.nsec < 0 && t.sec <= 0)
        return (struct timespec){0};
    if (t.sec < 0 || t.sec > TIME_SEC_MAX ||
        (t.sec == TIME_SEC_MAX && t.nsec > INT64_MAX % 1000000000))
        return (struct timespec){0};
    return ts;
}

void
tar_inode_times(const struct tar_entry *e, struct timespec ret[static 2])
{
    const struct tar_time *a = &e->atime, *m = &e->mtime;
    bool atime_is_later =
        e->has_atime && (a->sec > m->sec || (a->sec == m->sec && a->nsec > m->nsec));

    ret[0] = bounded(atime_is_later ? *a : *m);
    ret[1] = bounded(*m);
}

static bool
is_wanted(const char *name, const struct tar_attrs *a)
{
    if (strncmp(name, "trusted.", 8) == 0)
        return false;
    return a->keep_overlay_xattrs || strncmp(name, "user.overlay.", 13) != 0;
}

/* An inode by open descriptor, or by a path whose last component is not followed (fd -1). */
struct target {
    int fd;
    const char *path;
    mode_t type;
};

static int
set_xattr(const struct target *t, const struct tar_xattr *x, struct err *err)
{
    char what[sizeof "set the extended attribute ''" + 64];
    int r = -1, fault = FAULT("apply.xattr");

    if (fault)
        errno = fault;
    else if (t->fd >= 0)
        r = fsetxattr(t->fd, x->name, x->value, x->size, 0);
    else
        r = lsetxattr(t->path, x->name, x->value, x->size, 0);
    if (r == 0 || errno == EOPNOTSUPP)
        return 0;
    /* Only files and directories can have user attributes; containerd lets that pass. */
    if (errno == EPERM && strncmp(x->name, "user.", 5) == 0 && t->type != S_IFREG &&
        t->type != S_IFDIR)
        return 0;
    (void) snprintf(what, sizeof what, "set the extended attribute '%.64s'", x->name);
    return tar_inode_error(err, errno, what);
}

static int
set_xattrs(const struct target *t, const struct tar_attrs *a, struct err *err)
{
    int r;

    for (size_t i = 0; i < a->n_xattrs; i++) {
        if (!is_wanted(a->xattrs[i].name, a))
            continue;
        r = set_xattr(t, &a->xattrs[i], err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The result of a system call, or what a test wants instead. */
static int
checked(int r, int fault, const char *what, struct err *err)
{
    if (r == 0 && !fault)
        return 0;
    return tar_inode_error(err, fault ? fault : errno, what);
}

/* Looking costs a sixth of changing it. An attribute can be an access list, which is a mode as well: then it is set. */
static bool
mode_fits(int fd, const struct tar_attrs *a)
{
    struct stat st;

    return !a->n_xattrs && fstat(fd, &st) == 0 && (st.st_mode & 07777) == a->mode;
}

mode_t
tar_inode_first_mode(const struct tar_attrs *a, bool owner_fits, mode_t narrow)
{
    return owner_fits && !a->n_xattrs && !(a->mode & 07000) ? a->mode : narrow;
}

int
tar_inode_set(int fd, const struct tar_attrs *a, bool owner_fits, bool with_times, struct err *err)
{
    struct target t = {.fd = fd, .type = S_IFREG};
    int r = 0;

    if (!owner_fits)
        r = checked(fchown(fd, a->uid, a->gid), FAULT("apply.chown"), "set the owner", err);
    if (r == 0)
        r = set_xattrs(&t, a, err);
    if (r == 0 && !mode_fits(fd, a))
        r = checked(fchmod(fd, a->mode), FAULT("apply.chmod"), "set the mode", err);
    if (r == 0 && with_times)
        r = checked(futimens(fd, a->times), FAULT("apply.times"), "set the times", err);
    return r;
}

static int
chmod_at(int dir_fd, const char *name, mode_t mode)
{
    char path[PATH_FD_MAX];
    auto_close int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    return fd < 0 ? -1 : chmod(path_of_fd(fd, path), mode);
}

int
tar_inode_set_at(int dir_fd, const char *name, mode_t type, const struct tar_attrs *a,
                 bool owner_fits, struct err *err)
{
    char dir[PATH_FD_MAX], path[PATH_FD_MAX + NAME_MAX + 2];
    struct target t = {.fd = -1, .path = path, .type = type};
    int r = 0;

    if (!owner_fits)
        r = checked(fchownat(dir_fd, name, a->uid, a->gid, AT_SYMLINK_NOFOLLOW),
                    FAULT("apply.chown"), "set the owner", err);
    if (r == 0 && a->n_xattrs) {
        (void) snprintf(path, sizeof path, "%s/%s", path_of_fd(dir_fd, dir), name);
        r = set_xattrs(&t, a, err);
    }
    if (r == 0 && type != S_IFLNK)
        r = checked(chmod_at(dir_fd, name, a->mode), FAULT("apply.chmod"), "set the mode", err);
    if (r == 0)
        r = checked(utimensat(dir_fd, name, a->times, AT_SYMLINK_NOFOLLOW), FAULT("apply.times"),
                    "set the times", err);
    return r;
}

static bool
is_copied(const char *name)
{
    return strncmp(name, "trusted.", 8) != 0 && strncmp(name, "user.overlay.", 13) != 0;
}

static int
copy_xattrs(int from_fd, int to_fd, struct err *err)
{
    auto_free char *list = xmalloc(LIST_BYTES), *value = xmalloc(VALUE_BYTES);
    ssize_t n = flistxattr(from_fd, list, LIST_BYTES), size;

    if (n < 0)
        return errno == EOPNOTSUPP ? 0 : err_sys(err, errno, "list extended attributes");
    for (const char *name = list; name < list + n; name += strlen(name) + 1) {
        if (!is_copied(name))
            continue;
        size = fgetxattr(from_fd, name, value, VALUE_BYTES);
        if (size < 0 && (errno == ENODATA || errno == EOPNOTSUPP))
            continue;
        if (size < 0)
            return err_sys(err, errno, "read the extended attribute '%s'", name);
        if (fsetxattr(to_fd, name, value, (size_t) size, 0) < 0 && errno != EOPNOTSUPP)
            return err_sys(err, errno, "copy the extended attribute '%s'", name);
    }
    return 0;
}

int
tar_inode_copy_dir(int from_fd, int to_fd, struct timespec ret_times[static 2], struct err *err)
{
    struct stat st;
    int r;

    if (fstat(from_fd, &st) < 0)
        return err_sys(err, errno, "stat the lower directory");
    r = checked(fchown(to_fd, st.st_uid, st.st_gid), FAULT("apply.chown"), "set the owner", err);
    if (r == 0)
        r = copy_xattrs(from_fd, to_fd, err);
    if (r == 0)
        r = checked(fchmod(to_fd, st.st_mode & 07777), FAULT("apply.chmod"), "set the mode", err);
    if (r < 0)
        return r;
    ret_times[0] = st.st_atim;
    ret_times[1] = st.st_mtim;
    return 0;
}
