/* SPDX-License-Identifier: Apache-2.0 */
/* File descriptors: closing, whole reads and writes, whole small files. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#include "buf.h"
#include "err.h"

/* Closes unless negative; errno survives. Returns -1, for `fd = fd_close(fd)`. */
int fd_close(int fd);

static inline void
auto_close_p(const int *fd)
{
    (void) fd_close(*fd);
}

/* `auto_close int fd = -1;` is closed when it goes out of scope; TAKE_FD gives it away. */
#define auto_close __attribute__((cleanup(auto_close_p)))
#define TAKE_FD(fd)                                                                                \
    __extension__({                                                                                \
        int take_fd_ = (fd);                                                                       \
        (fd) = -1;                                                                                 \
        take_fd_;                                                                                  \
    })

/* Writes all n bytes, retrying EINTR and short writes. 0, or -1 with errno (a blocking fd is assumed). */
int fd_write_all(int fd, const void *p, size_t n);
int fd_pwrite_all(int fd, const void *p, size_t n, int64_t offset);
/* Reads until n bytes or the end. The count, or -1 with errno. */
ssize_t fd_read_full(int fd, void *p, size_t n);
ssize_t fd_pread_full(int fd, void *p, size_t n, int64_t offset);
/* Appends everything up to the end of the fd; ResourceExhausted beyond the buffer's maximum. */
int fd_read_to_buf(int fd, struct buf *b, struct err *err);
/*
 * The file `name` below dir_fd (AT_FDCWD allowed) as a NUL-terminated malloc'ed string. size_max bounds it
 * (ResourceExhausted). A missing file is NotFound. *ret_len may be NULL.
 */
int fd_read_file_at(int dir_fd, const char *name, size_t size_max, char **ret, size_t *ret_len,
                    struct err *err);
/*
 * Replaces `name` with n bytes: temporary file beside it, mode, rename. Not synced (see tmpfile.h for durable
 * files).
 */
int fd_write_file_at(int dir_fd, const char *name, const void *p, size_t n, mode_t mode,
                     struct err *err);
int fd_set_nonblock(int fd); /* 0, or -1 with errno */
int fd_set_cloexec(int fd, int on);
