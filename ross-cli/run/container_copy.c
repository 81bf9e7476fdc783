/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files between a container and this machine.
 *
 * A thread packs the source as a tar stream into a pipe, the caller's thread applies it to the target's directory.
 * Both hold descriptors of what was resolved once; inside, names are resolved beneath the container's root.
 */
#include "container_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "container_fs.h"
#include "libross/archive/tar_apply.h"
#include "libross/archive/tar_diff.h"
#include "libross/archive/tar_write.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"

#define PIECE_BYTES      ((size_t) 128 * 1024)
#define HEADER_BYTES_MAX ((size_t) 1 << 20)

bool
container_copy_parse(const char *word, char **ret_name, char **ret_path)
{
    const char *colon = strchr(word, ':');

    if (!colon || colon == word || *word == '.' || memchr(word, '/', (size_t) (colon - word)))
        return false;
    *ret_name = xstrndup(word, (size_t) (colon - word));
    *ret_path = xstrdup(colon[1] ? colon + 1 : "/");
    return true;
}

/* One end of the copy. */
struct place {
    int root_fd; /* of the container; -1 = this machine */
    const char *path;
    char *clean; /* without "." and ".." */
    const char *base;
    bool contents;                   /* ends in "/." or is the root: what is in it */
    bool slash;                      /* ends in '/' */
    const struct container_ids *ids; /* of its files */
};

static void
place_init(struct place *p, int root_fd, const struct container_ids *ids, const char *path)
{
    size_t n = strlen(path);

    *p = (struct place){.root_fd = root_fd, .path = path, .clean = path_clean(path), .ids = ids};
    p->base = strrchr(p->clean, '/') ? strrchr(p->clean, '/') + 1 : p->clean;
    p->slash = n && path[n - 1] == '/';
    p->contents = !*p->base || strcmp(p->base, ".") == 0 || strcmp(p->base, "..") == 0 ||
                  (n >= 2 && strcmp(path + n - 2, "/.") == 0);
}

static int
open_at_place(const struct place *p, const char *path, int flags)
{
    return p->root_fd < 0 ? open(path, flags | O_CLOEXEC)
                          : path_open_in_root(p->root_fd, path, (uint64_t) flags, 0);
}

static int
not_there(const struct place *p, struct err *err)
{
    if (errno == ENOTDIR)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "'%.256s' is no directory, or leads through a file", p->path);
    return errno == ENOENT ? err_set(err, CODE_NOT_FOUND, "'%.256s' does not exist %s", p->path,
                                     p->root_fd < 0 ? "on this machine" : "in the container")
                           : err_sys(err, errno, "open '%.256s'", p->path);
}

/* ---- packing ---- */

struct pack {
    int from_fd, to_fd; /* to_fd is closed at the end when it is a pipe */
    struct stat st;
    const char *name; /* of the entry; "." = the contents alone */
    bool root_owned, is_pipe;
    const struct container_ids *ids; /* of the container that is the source; n 0 = the host's */
    int r;
    struct err err;
};

static int
put(void *sink, const void *p, size_t n, struct err *err)
{
    const struct pack *k = sink;

    return fd_write_all(k->to_fd, p, n) < 0 ? err_sys(err, errno, "write the archive") : 0;
}

static int
put_file(struct pack *k, struct err *err)
{
    auto_free char *piece = xmalloc(PIECE_BYTES);
    auto_close int fd = -1;
    char via[PATH_FD_MAX];
    int64_t left = k->st.st_size;
    ssize_t n;
    int r;

    fd = open(path_of_fd(k->from_fd, via), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, errno, "open '%.256s'", k->name);
    for (; left > 0; left -= n) {
        n = fd_read_full(fd, piece, left < (int64_t) PIECE_BYTES ? (size_t) left : PIECE_BYTES);
        if (n < 0)
            return err_sys(err, errno, "read '%.256s'", k->name);
        if (n == 0)
            return err_set(err, CODE_ABORTED, "'%.256s' became shorter while it was read", k->name);
        r = put(k, piece, (size_t) n, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int
put_blocks(struct pack *k, struct buf *b, struct err *err)
{
    int r = b->len ? put(k, b->data, b->len, err) : 0;

    buf_clear(b);
    return r;
}

/* What is no directory, as an archive of one entry. */
static int
pack_single(struct pack *k, struct err *err)
{
    AUTO(buf) b = BUF_INIT(HEADER_BYTES_MAX);
    char link[PATH_MAX];
    struct tar_entry e = {
        .type = S_ISLNK(k->st.st_mode)    ? TAR_SYMLINK
                : S_ISFIFO(k->st.st_mode) ? TAR_FIFO
                                          : TAR_REG,
        .name = k->name,
        .link = link,
        .mode = k->st.st_mode & (k->root_owned ? 01777 : 07777),
        .uid = k->root_owned ? 0 : tar_diff_id(k->st.st_uid, &k->ids->uid, k->ids->n),
        .gid = k->root_owned ? 0 : tar_diff_id(k->st.st_gid, &k->ids->gid, k->ids->n),
        .size = S_ISREG(k->st.st_mode) ? k->st.st_size : 0,
        .mtime.sec = k->st.st_mtim.tv_sec,
    };
    ssize_t n;
    int r;

    link[0] = '\0';
    if (e.type == TAR_SYMLINK) {
        n = readlinkat(k->from_fd, "", link, sizeof link - 1);
        if (n < 0)
            return err_sys(err, errno, "read the symlink '%.256s'", k->name);
        link[n] = '\0';
    } else if (!S_ISREG(k->st.st_mode) && e.type != TAR_FIFO)
        return err_set(err, CODE_INVALID_ARGUMENT, "'%.256s' is a device or socket, not a file",
                       k->name);
    r = tar_write_header(&b, &e, err);
    if (r == 0)
        r = put_blocks(k, &b, err);
    if (r == 0 && e.type == TAR_REG)
        r = put_file(k, err);
    if (r == 0)
        r = tar_write_padding(&b, (uint64_t) e.size, err);
    if (r == 0)
        r = tar_write_end(&b, err);
    return r < 0 ? r : put_blocks(k, &b, err);
}

static int
pack(struct pack *k, struct err *err)
{
    const struct tar_diff_options options = {
        .prefix = k->name,
        .root_owned = k->root_owned,
        .uid_map = &k->ids->uid,
        .gid_map = &k->ids->gid,
        .n_uid_map = k->ids->n,
        .n_gid_map = k->ids->n,
    };
    struct tar_diff_result result;
    auto_close int dir_fd = -1;

    if (!S_ISDIR(k->st.st_mode))
        return pack_single(k, err);
    dir_fd = openat(k->from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return err_sys(err, errno, "open the directory '%.256s'", k->name);
    return tar_diff(-1, dir_fd, &options, put, k, &result, err);
}

static void *
pack_thread(void *arg)
{
    struct pack *k = arg;

    k->r = pack(k, &k->err);
    k->to_fd = fd_close(k->to_fd);
    return NULL;
}

static int
open_source(const struct place *src, bool follow, struct pack *k, struct err *err)
{
    bool dir_wanted = src->slash || src->contents;

    k->from_fd = open_at_place(src, dir_wanted ? src->path : src->clean,
                               O_PATH | (follow || dir_wanted ? 0 : O_NOFOLLOW));
    if (k->from_fd < 0 || fstat(k->from_fd, &k->st) < 0)
        return not_there(src, err);
    if (dir_wanted && !S_ISDIR(k->st.st_mode))
        return err_set(err, CODE_INVALID_ARGUMENT, "'%.256s' is no directory", src->path);
    return 0;
}

/* ---- the target ---- */

/* The directory that the archive is applied to, and the name of the one entry in it. */
static int
open_target(const struct place *dst, const struct place *src, bool is_dir, int *ret_fd,
            const char **ret_name, struct err *err)
{
    auto_close int fd = open_at_place(dst, dst->path, O_PATH);
    auto_free char *parent = NULL;
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        *ret_fd = TAKE_FD(fd);
        *ret_name = src->contents ? "." : src->base;
        return 0;
    }
    if (fd < 0 && errno != ENOENT)
        return not_there(dst, err);
    if (fd >= 0 && is_dir)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "'%.256s' is a file, and '%.256s' a directory: one cannot become the other",
                       dst->path, src->path);
    if (dst->contents || (dst->slash && !is_dir))
        return err_set(err, CODE_NOT_FOUND, "there is no directory '%.256s' %s", dst->path,
                       dst->root_fd < 0 ? "on this machine" : "in the container");
    fd = fd_close(fd);
    parent = dst->base == dst->clean ? xstrdup(dst->root_fd < 0 ? "." : "/")
                                     : xstrndup(dst->clean, (size_t) (dst->base - dst->clean));
    *ret_fd = open_at_place(dst, parent, O_PATH | O_DIRECTORY);
    *ret_name = dst->base;
    return *ret_fd < 0 ? err_set(err, CODE_NOT_FOUND, "there is no directory '%.256s' %s", parent,
                                 dst->root_fd < 0 ? "on this machine" : "in the container")
                       : 0;
}

static int
apply(int dir_fd, int in_fd, const struct container_ids *ids, struct err *err)
{
    const struct tar_apply_options options = {
        .plain_names = true,
        .in_userns = true,
        .uid_map = &ids->uid,
        .gid_map = &ids->gid,
        .n_uid_map = ids->n,
        .n_gid_map = ids->n,
    };
    AUTO_PTR(decompress) in = decompress_new(decompress_source_fd, &in_fd, NULL);
    struct tar_apply_result result;
    auto_close int root_fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (root_fd < 0)
        return err_sys(err, errno, "open the target");
    return tar_apply(root_fd, in, &options, &result, err);
}

static int
pump(struct pack *k, int dir_fd, const struct container_ids *to_ids, struct err *err)
{
    auto_close int in_fd = -1;
    pthread_t thread;
    int ends[2], r;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_sys(err, errno, "pipe");
    in_fd = ends[0];
    k->to_fd = ends[1];
    r = pthread_create(&thread, NULL, pack_thread, k);
    if (r != 0) {
        (void) fd_close(ends[1]);
        return err_sys(err, r, "start a thread");
    }
    r = apply(dir_fd, in_fd, to_ids, err);
    in_fd = fd_close(in_fd);
    (void) pthread_join(thread, NULL);
    /* a packer that stopped is the cause, unless it stopped because nobody read on */
    if (k->r < 0 && k->err.sys_errno != EPIPE) {
        *err = k->err;
        return k->r;
    }
    return r;
}

/* ---- all of it ---- */

static int
copy_between(const struct place *src, const struct place *dst, bool archive, bool follow,
             struct err *err)
{
    struct pack k = {.from_fd = -1, .to_fd = -1, .root_owned = !archive, .ids = src->ids};
    int dir_fd = -1, r;

    r = open_source(src, follow, &k, err);
    if (r == 0)
        r = open_target(dst, src, S_ISDIR(k.st.st_mode), &dir_fd, &k.name, err);
    if (r == 0)
        r = pump(&k, dir_fd, dst->ids, err);
    (void) fd_close(dir_fd);
    (void) fd_close(k.from_fd);
    return r;
}

static int
copy_to_stdout(const struct place *src, bool follow, struct err *err)
{
    struct pack k = {.from_fd = -1,
                     .to_fd = STDOUT_FILENO,
                     .name = src->contents ? "." : src->base,
                     .ids = src->ids};
    int r;

    if (isatty(STDOUT_FILENO))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "a tar archive does not belong on a terminal; use a pipe");
    r = open_source(src, follow, &k, err);
    if (r == 0)
        r = pack(&k, err);
    (void) fd_close(k.from_fd);
    return r;
}

static int
copy_from_stdin(const struct place *dst, struct err *err)
{
    auto_close int fd = open_at_place(dst, dst->path, O_PATH | O_DIRECTORY);

    if (fd < 0)
        return err_set(err, CODE_NOT_FOUND, "there is no directory '%.256s' in the container",
                       dst->path);
    return apply(fd, STDIN_FILENO, dst->ids, err);
}

int
container_copy(struct session *s, const struct container_copy *how, struct err *err)
{
    bool stream = strcmp(how->outside, "-") == 0;
    const struct container_ids hosts = {0};
    struct place inside, outside;
    AUTO(container_fs) fs = {0};
    int r;

    (void) signal(SIGPIPE, SIG_IGN);
    r = container_fs_open(s, how->container, CONTAINER_FS_INSIDE, &fs, err);
    if (r < 0)
        return r;
    place_init(&inside, fs.fd, &fs.ids, how->inside);
    place_init(&outside, -1, &hosts, how->outside);
    if (stream && how->into)
        r = copy_from_stdin(&inside, err);
    else if (stream)
        r = copy_to_stdout(&inside, how->follow, err);
    else if (how->into)
        r = copy_between(&outside, &inside, how->archive, how->follow, err);
    else
        r = copy_between(&inside, &outside, how->archive, how->follow, err);
    free(inside.clean);
    free(outside.clean);
    return r;
}
