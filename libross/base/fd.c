/* SPDX-License-Identifier: Apache-2.0 */
/* File descriptors: closing, whole reads and writes, whole small files. */
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "random.h"

int
fd_close(int fd)
{
    int saved = errno;

    if (fd >= 0)
        (void) close(fd);
    errno = saved;
    return -1;
}

int
fd_write_all(int fd, const void *p, size_t n)
{
    const char *at = p;
    ssize_t done;

    while (n) {
        done = write(fd, at, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        at += done;
        n -= (size_t) done;
    }
    return 0;
}

int
fd_pwrite_all(int fd, const void *p, size_t n, int64_t offset)
{
    const char *at = p;
    ssize_t done;

    while (n) {
        done = pwrite(fd, at, n, offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        at += done;
        offset += done;
        n -= (size_t) done;
    }
    return 0;
}

ssize_t
fd_read_full(int fd, void *p, size_t n)
{
    size_t got = 0;
    ssize_t r;

    while (got < n) {
        r = read(fd, (char *) p + got, n - got);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -1;
        if (r == 0)
            break;
        got += (size_t) r;
    }
    return (ssize_t) got;
}

ssize_t
fd_pread_full(int fd, void *p, size_t n, int64_t offset)
{
    size_t got = 0;
    ssize_t r;

    while (got < n) {
        r = pread(fd, (char *) p + got, n - got, offset + (int64_t) got);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -1;
        if (r == 0)
            break;
        got += (size_t) r;
    }
    return (ssize_t) got;
}

#define READ_STEP 4096

int
fd_read_to_buf(int fd, struct buf *b, struct err *err)
{
    char extra;
    size_t step;
    ssize_t n;
    int r;

    for (;;) {
        step = b->max_bytes - b->len < READ_STEP ? b->max_bytes - b->len : READ_STEP;
        if (!step) {
            /* full: fine only when the end is right here */
            do
                n = read(fd, &extra, 1);
            while (n < 0 && errno == EINTR);
            if (n < 0)
                return err_sys(err, errno, "read");
            if (n == 0)
                return 0;
            return err_set(err, CODE_RESOURCE_EXHAUSTED, "more than %zu bytes", b->max_bytes);
        }
        r = buf_reserve(b, step, err);
        if (r < 0)
            return r;
        n = read(fd, b->data + b->len, step);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, errno, "read");
        if (n == 0)
            return 0;
        buf_added(b, (size_t) n);
    }
}

int
fd_read_file_at(int dir_fd, const char *name, size_t size_max, char **ret, size_t *ret_len,
                struct err *err)
{
    AUTO(buf) b = BUF_INIT(size_max);
    auto_close int fd = -1;
    int r;

    fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return err_set(err, CODE_NOT_FOUND, "'%s' does not exist", name);
    if (fd < 0)
        return err_sys(err, errno, "open '%s'", name);
    r = fd_read_to_buf(fd, &b, err);
    if (r < 0)
        return err_wrap(err, r, "'%s'", name);
    if (ret_len)
        *ret_len = b.len;
    *ret = buf_take(&b);
    return 0;
}

int
fd_write_file_at(int dir_fd, const char *name, const void *p, size_t n, mode_t mode,
                 struct err *err)
{
    auto_free char *tmp = xasprintf("%s.tmp%08x", name, random_u32());
    auto_close int fd = -1;
    int r;

    fd = openat(dir_fd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return err_sys(err, errno, "create '%s'", tmp);
    if (fchmod(fd, mode) < 0 || fd_write_all(fd, p, n) < 0 ||
        renameat(dir_fd, tmp, dir_fd, name) < 0) {
        r = err_sys(err, errno, "write '%s'", name);
        (void) unlinkat(dir_fd, tmp, 0);
        return r;
    }
    return 0;
}

int
fd_set_nonblock(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

int
fd_set_cloexec(int fd, int on)
{
    return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0);
}
