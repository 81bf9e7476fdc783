/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/pull/save_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libross/archive/tar_write.h"
#include "libross/base/fd.h"

#define HEADER_MAX 65536
#define NAME_MAX_  256 /* "blobs/sha512/…" */

void
save_sink_done(struct save_sink *s)
{
    if (s->file_fd >= 0)
        (void) close(s->file_fd);
    s->file_fd = -1;
}

/* ---- tar ---- */

static int
tar_bytes(struct save_sink *s, const void *p, size_t n, struct err *err)
{
    return fd_write_all(s->fd, p, n) < 0 ? err_sys(err, errno, "write the archive") : 0;
}

static int
tar_file(struct save_sink *s, const char *name, int64_t size, struct err *err)
{
    const struct tar_entry e = {
        .type = TAR_REG, .name = name, .link = "", .mode = 0644, .size = size};
    AUTO(buf) head = BUF_INIT(HEADER_MAX);
    int r = tar_write_header(&head, &e, err);

    s->size = size;
    return r < 0 ? r : tar_bytes(s, head.data, head.len, err);
}

static int
tar_file_end(struct save_sink *s, struct err *err)
{
    AUTO(buf) zeros = BUF_INIT(HEADER_MAX);
    int r = tar_write_padding(&zeros, (uint64_t) s->size, err);

    return r < 0 || zeros.len == 0 ? r : tar_bytes(s, zeros.data, zeros.len, err);
}

static int
tar_end(struct save_sink *s, struct err *err)
{
    AUTO(buf) end = BUF_INIT(HEADER_MAX);
    int r = tar_write_end(&end, err);

    return r < 0 ? r : tar_bytes(s, end.data, end.len, err);
}

struct save_sink
save_sink_tar(int fd)
{
    static const struct save_sink_ops ops = {
        .file = tar_file, .bytes = tar_bytes, .file_end = tar_file_end, .end = tar_end};

    return (struct save_sink){.ops = &ops, .fd = fd, .file_fd = -1};
}

/* ---- directory ---- */

/* The directories above a name that we made ourselves. */
static int
make_parents(int dir_fd, const char *name, struct err *err)
{
    char path[NAME_MAX_];

    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        (void) snprintf(path, sizeof path, "%.*s", (int) (slash - name), name);
        if (mkdirat(dir_fd, path, 0755) < 0 && errno != EEXIST)
            return err_sys(err, errno, "create '%s'", path);
    }
    return 0;
}

static int
dir_file(struct save_sink *s, const char *name, int64_t size, struct err *err)
{
    int r = make_parents(s->fd, name, err);

    if (r < 0)
        return r;
    s->size = size;
    s->file_fd = openat(s->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    return s->file_fd < 0 ? err_sys(err, errno, "create '%s'", name) : 0;
}

static int
dir_bytes(struct save_sink *s, const void *p, size_t n, struct err *err)
{
    return fd_write_all(s->file_fd, p, n) < 0 ? err_sys(err, errno, "write") : 0;
}

static int
dir_file_end(struct save_sink *s, struct err *err)
{
    int fd = s->file_fd;

    s->file_fd = -1;
    return close(fd) < 0 ? err_sys(err, errno, "write") : 0;
}

static int
dir_end(struct save_sink *s, struct err *err)
{
    (void) s;
    (void) err;
    return 0;
}

struct save_sink
save_sink_dir(int dir_fd)
{
    static const struct save_sink_ops ops = {
        .file = dir_file, .bytes = dir_bytes, .file_end = dir_file_end, .end = dir_end};

    return (struct save_sink){.ops = &ops, .fd = dir_fd, .file_fd = -1};
}
