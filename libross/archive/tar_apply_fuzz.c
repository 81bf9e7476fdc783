/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a layer. The first byte chooses the options; the tree goes to a directory beside a canary, which must be
 * there unchanged afterwards.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/base/mem.h"
#include "libross/base/rmtree.h"
#include "tar_apply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/tmp/ross-apply-fuzz-XXXXXX";
static int dir_fd = -1;

struct bytes_source {
    const uint8_t *p;
    size_t n;
};

static ssize_t
bytes_read(void *source, void *p, size_t n, struct err *err)
{
    struct bytes_source *s = source;

    (void) err;
    if (n > s->n)
        n = s->n;
    memcpy(p, s->p, n);
    s->p += n;
    s->n -= n;
    return (ssize_t) n;
}

static void
remove_dir(void)
{
    (void) rmtree_at(AT_FDCWD, dir, NULL);
}

static void
begin(void)
{
    if (dir_fd >= 0)
        return;
    if (!mkdtemp(dir))
        abort();
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0 || mkdirat(dir_fd, "outside", 0700) < 0 ||
        fd_write_file_at(dir_fd, "outside/canary", "tweet", 5, 0600, NULL) < 0)
        abort();
    (void) atexit(remove_dir);
}

static void
check_canary(void)
{
    struct stat st;

    if (fstatat(dir_fd, "outside/canary", &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_size != 5 ||
        st.st_nlink != 1 || (st.st_mode & 07777) != 0600)
        abort();
    if (fstatat(dir_fd, "outside", &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_nlink != 2)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct decompress_limits stream_limits = {.output_bytes_max = 4 << 20};
    struct tar_limits limits = tar_limits_default;
    struct tar_apply_options options = {.limits = &limits};
    struct bytes_source src = {.p = data + 1, .n = size ? size - 1 : 0};
    AUTO_PTR(decompress) d = NULL;
    struct tar_apply_result result;
    struct err err = {0};
    auto_close int root = -1;
    int r;

    if (!size)
        return 0;
    begin();
    limits.content_bytes_max = 1 << 20;
    limits.entries_max = 200;
    options.overlay = data[0] & 1;
    options.userxattr = data[0] & 2;
    /* Fuzzers must not make devices of this machine appear. */
    options.in_userns = true;
    if (rmtree_at(dir_fd, "root", NULL) < 0 || mkdirat(dir_fd, "root", 0700) < 0)
        abort();
    if ((data[0] & 4) &&
        (mkdirat(dir_fd, "root/a", 0700) < 0 || symlinkat("../outside", dir_fd, "root/b") < 0))
        abort();
    root = openat(dir_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        abort();
    d = decompress_new(bytes_read, &src, &stream_limits);
    r = tar_apply(root, d, &options, &result, &err);
    if (r < 0 && (!err.msg[0] || r == -CODE_INTERNAL)) {
        fprintf(stderr, "%s\n", err.msg);
        abort();
    }
    check_canary();
    return 0;
}
