/* SPDX-License-Identifier: Apache-2.0 */
/* Path names as text, directories by fd, and resolving a foreign path inside a root. */
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "fd.h"
#include "mem.h"

#define RESOLVE_TRIES 64 /* openat2 says EAGAIN while somebody renames beneath it */

char *
path_join(const char *a, const char *b)
{
    size_t len = strlen(a);

    if (!*a || !*b)
        return xstrdup(*a ? a : b);
    while (len && a[len - 1] == '/')
        len--;
    b += strspn(b, "/");
    return xasprintf("%.*s/%s", (int) len, a, b);
}

char *
path_clean(const char *p)
{
    bool rooted = *p == '/';
    char *out = xmalloc(strlen(p) + 2);
    size_t len = 0, keep, n; /* keep: what ".." must not eat */

    if (rooted)
        out[len++] = '/';
    keep = len;
    for (; *p; p += n) {
        p += strspn(p, "/");
        n = strcspn(p, "/");
        if (n == 0 || (n == 1 && p[0] == '.'))
            continue;
        if (n == 2 && p[0] == '.' && p[1] == '.') {
            if (len > keep) {
                while (len > keep && out[--len] != '/')
                    ;
                continue;
            }
            if (rooted)
                continue;
        }
        if (len > (size_t) rooted)
            out[len++] = '/';
        memcpy(out + len, p, n);
        len += n;
        if (n == 2 && p[0] == '.' && p[1] == '.')
            keep = len;
    }
    if (!len)
        out[len++] = '.';
    out[len] = '\0';
    return out;
}

bool
path_is_name(const char *p)
{
    return *p && strcmp(p, ".") != 0 && strcmp(p, "..") != 0 && !strchr(p, '/') &&
           strlen(p) <= NAME_MAX;
}

/* One directory; the mode is what was asked, whatever the umask. 0, or -1 with errno. */
static int
mkdir_exact(int dir_fd, const char *path, mode_t mode)
{
    struct stat st;

    if (mkdirat(dir_fd, path, mode) == 0)
        return fchmodat(dir_fd, path, mode, 0);
    if (errno != EEXIST)
        return -1;
    if (fstatat(dir_fd, path, &st, 0) < 0)
        return -1;
    if (!S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
        return -1;
    }
    return 0;
}

int
path_mkdirs_at(int dir_fd, const char *path, mode_t mode, struct err *err)
{
    auto_free char *copy = NULL;
    char *p;

    if (mkdir_exact(dir_fd, path, mode) == 0)
        return 0;
    if (errno != ENOENT || !*path)
        return err_sys(err, errno ? errno : ENOENT, "make directory '%s'", path);
    copy = xstrdup(path);
    p = copy + strspn(copy, "/");
    for (;;) {
        p += strcspn(p, "/");
        if (!p[strspn(p, "/")])
            break;
        *p = '\0';
        if (mkdir_exact(dir_fd, copy, mode) < 0)
            return err_sys(err, errno, "make directory '%s'", copy);
        *p++ = '/';
        p += strspn(p, "/");
    }
    if (mkdir_exact(dir_fd, path, mode) < 0)
        return err_sys(err, errno, "make directory '%s'", path);
    return 0;
}

int
path_open_dir(const char *path, mode_t mode, int *ret_fd, struct err *err)
{
    int fd, r;

    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        r = path_mkdirs_at(AT_FDCWD, path, mode, err);
        if (r < 0)
            return r;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd < 0)
        return err_sys(err, errno, "open directory '%s'", path);
    *ret_fd = fd;
    return 0;
}

int
path_open_in_root(int root_fd, const char *path, uint64_t flags, mode_t mode)
{
    struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
    long fd = -1;

    /* unlike open(2), openat2 refuses a mode that it has no use for */
    if (flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)))
        how.mode = mode & 07777;
    for (int i = 0; i < RESOLVE_TRIES; i++) {
        fd = syscall(SYS_openat2, root_fd, *path ? path : ".", &how, sizeof how);
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    return (int) fd;
}

char *
path_of_fd(int fd, char buf[static PATH_FD_MAX])
{
    (void) snprintf(buf, PATH_FD_MAX, "/proc/self/fd/%d", fd);
    return buf;
}

int
path_sync_dir(int dir_fd, struct err *err)
{
    auto_close int again = -1;

    if (dir_fd != AT_FDCWD && fsync(dir_fd) == 0)
        return 0;
    if (dir_fd != AT_FDCWD && errno != EBADF)
        return err_sys(err, errno, "sync directory");
    /* an O_PATH fd names the directory but cannot be synced */
    again = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (again < 0 || fsync(again) < 0)
        return err_sys(err, errno, "sync directory");
    return 0;
}
