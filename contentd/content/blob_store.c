/* SPDX-License-Identifier: Apache-2.0 */
/* The files of the store. */
#include "blob_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "group_sync.h"
#include "libross/base/fault.h"
#include "libross/base/fd.h"
#include "libross/base/parse.h"
#include "libross/base/path.h"
#include "libross/base/rmtree.h"

#define PATH_BLOB_MAX   (16 + DIGEST_HEX_MAX) /* "sha512/HEX" */
#define PATH_INGEST_MAX 32

struct alg_dir {
    int fd;
    struct group_sync sync;
};

struct blob_store {
    struct side_write *side;
    int dir_fd, ingest_fd, growing_fd;
    struct alg_dir algs[DIGEST_SHA512 + 1]; /* by enum digest_alg; [DIGEST_NONE] is unused */
};

static int
open_dir_at(int dir_fd, const char *path, int *ret_fd, struct err *err)
{
    int r = path_mkdirs_at(dir_fd, path, 0700, err);

    if (r < 0)
        return r;
    *ret_fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*ret_fd < 0)
        return err_sys(err, errno, "open directory %s", path);
    return 0;
}

static int
open_dirs(struct blob_store *s, const char *root, struct err *err)
{
    auto_free char *path = path_join(root, "content");
    int r;

    r = path_open_dir(path, 0700, &s->dir_fd, err);
    if (r == 0)
        r = open_dir_at(s->dir_fd, "ingest", &s->ingest_fd, err);
    if (r == 0)
        r = open_dir_at(s->dir_fd, "growing", &s->growing_fd, err);
    for (int alg = DIGEST_SHA256; r == 0 && alg <= DIGEST_SHA512; alg++) {
        auto_free char *name = xasprintf("blobs/%s", digest_alg_name((enum digest_alg) alg));

        r = open_dir_at(s->dir_fd, name, &s->algs[alg].fd, err);
    }
    return r;
}

int
blob_store_open(const char *root, struct blob_store **ret, struct err *err)
{
    struct blob_store *s = xcalloc(1, sizeof *s);
    int r;

    s->side = side_write_new();
    s->dir_fd = s->ingest_fd = s->growing_fd = -1;
    for (size_t i = 0; i < ARRAY_LEN(s->algs); i++) {
        s->algs[i].fd = -1;
        group_sync_init(&s->algs[i].sync);
    }
    r = open_dirs(s, root, err);
    if (r < 0) {
        blob_store_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

void
blob_store_close(struct blob_store *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < ARRAY_LEN(s->algs); i++) {
        (void) fd_close(s->algs[i].fd);
        group_sync_done(&s->algs[i].sync);
    }
    side_write_free(s->side);
    (void) fd_close(s->growing_fd);
    (void) fd_close(s->ingest_fd);
    (void) fd_close(s->dir_fd);
    free(s);
}

/* ---- blobs ---- */

int
blob_store_read(struct blob_store *s, const struct digest *d, int *ret_fd, int64_t *ret_size,
                struct err *err)
{
    char hex[DIGEST_HEX_MAX], shown[DIGEST_STR_MAX];
    auto_close int fd = -1;
    struct stat st;

    fd = openat(s->algs[d->alg].fd, digest_hex(d, hex), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return err_set(err, CODE_NOT_FOUND, "content %s: not found", digest_format(d, shown));
    if (fd < 0 || fstat(fd, &st))
        return err_sys(err, errno, "open content %s", digest_format(d, shown));
    if (!S_ISREG(st.st_mode))
        return err_set(err, CODE_DATA_LOSS, "content %s is not a regular file",
                       digest_format(d, shown));
    *ret_size = st.st_size;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

bool
blob_store_has(struct blob_store *s, const struct digest *d)
{
    char hex[DIGEST_HEX_MAX];

    return faccessat(s->algs[d->alg].fd, digest_hex(d, hex), F_OK, 0) == 0;
}

int
blob_store_remove(struct blob_store *s, const struct digest *d, struct err *err)
{
    char hex[DIGEST_HEX_MAX], shown[DIGEST_STR_MAX];
    int fault = FAULT("content.unlink");

    if (fault)
        return err_sys(err, fault, "remove content %s", digest_format(d, shown));
    if (unlinkat(s->algs[d->alg].fd, digest_hex(d, hex), 0) && errno != ENOENT)
        return err_sys(err, errno, "remove content %s", digest_format(d, shown));
    return 0;
}

/* ---- ingests ---- */

static char *
ingest_name(int64_t id, char buf[static PATH_INGEST_MAX])
{
    (void) snprintf(buf, PATH_INGEST_MAX, "%" PRId64, id);
    return buf;
}

int
blob_store_ingest_open(struct blob_store *s, int64_t id, bool create, int *ret_fd, struct err *err)
{
    char name[PATH_INGEST_MAX];
    int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT | O_EXCL : 0);
    int fault = create ? FAULT("content.create") : 0;
    int fd;

    if (fault)
        return err_sys(err, fault, "create ingest/%s", ingest_name(id, name));
    fd = openat(s->ingest_fd, ingest_name(id, name), flags, 0600);
    if (fd < 0 && !create && errno == ENOENT)
        return err_set(err, CODE_NOT_FOUND, "the data of ingest %s is gone", name);
    if (fd < 0)
        return err_sys(err, errno, "open ingest/%s", name);
    *ret_fd = fd;
    return 0;
}

struct side_write *
blob_store_side(struct blob_store *s)
{
    return s->side;
}

int
blob_store_ingest_remove(struct blob_store *s, int64_t id, struct err *err)
{
    char name[PATH_INGEST_MAX];

    if (unlinkat(s->ingest_fd, ingest_name(id, name), 0) && errno != ENOENT)
        return err_sys(err, errno, "remove ingest/%s", name);
    return 0;
}

int
blob_store_publish(struct blob_store *s, int64_t id, const struct digest *d, struct err *err)
{
    char name[PATH_INGEST_MAX], hex[DIGEST_HEX_MAX], shown[DIGEST_STR_MAX];
    struct alg_dir *to = &s->algs[d->alg];
    int fault = FAULT("content.rename");

    if (fault)
        return err_sys(err, fault, "publish %s", digest_format(d, shown));
    if (renameat(s->ingest_fd, ingest_name(id, name), to->fd, digest_hex(d, hex))) {
        if (errno == ENOENT)
            return err_set(err, CODE_NOT_FOUND, "the data of the ingest is gone");
        return err_sys(err, errno, "publish %s", digest_format(d, shown));
    }
    return group_sync_run(&to->sync, to->fd, "the directory of blobs", err);
}

/* ---- listing ---- */

struct scan {
    DIR *dir;
};

static void
scan_done(struct scan *s)
{
    if (s->dir)
        (void) closedir(s->dir);
}

static int
scan_open(struct blob_store *s, const char *path, struct scan *ret, struct err *err)
{
    int fd = openat(s->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return err_sys(err, errno, "open content/%s", path);
    ret->dir = fdopendir(fd);
    if (!ret->dir) {
        int e = errno;

        (void) fd_close(fd);
        return err_sys(err, e, "read content/%s", path);
    }
    return 0;
}

/* 1 a name, 0 the end. */
static int
scan_next(struct scan *s, const char **ret_name, struct err *err)
{
    const struct dirent *e;

    do {
        errno = 0;
        e = readdir(s->dir);
        if (!e && errno)
            return err_sys(err, errno, "read a directory of the content store");
        if (!e)
            return 0;
    } while (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."));
    *ret_name = e->d_name;
    return 1;
}

int
blob_store_each_blob(struct blob_store *s, blob_store_blob_fn fn, void *arg, struct err *err)
{
    int r = 0;

    for (int alg = DIGEST_SHA256; r == 0 && alg <= DIGEST_SHA512; alg++) {
        const char *alg_name = digest_alg_name((enum digest_alg) alg), *name;
        auto_free char *dir = xasprintf("blobs/%s", alg_name);
        AUTO(scan) scan = {0};

        r = scan_open(s, dir, &scan, err);
        while (r == 0 && (r = scan_next(&scan, &name, err)) > 0) {
            auto_free char *path = path_join(dir, name);
            auto_free char *text = xasprintf("%s:%s", alg_name, name);
            struct digest d;

            if (digest_parse(text, &d, NULL) < 0)
                d = (struct digest){0};
            r = fn(&d, path, arg, err);
        }
    }
    return r;
}

int
blob_store_each_ingest(struct blob_store *s, blob_store_ingest_fn fn, void *arg, struct err *err)
{
    AUTO(scan) scan = {0};
    const char *name;
    int r;

    r = scan_open(s, "ingest", &scan, err);
    while (r == 0 && (r = scan_next(&scan, &name, err)) > 0) {
        auto_free char *path = path_join("ingest", name);
        int64_t id;

        if (parse_i64(name, &id, NULL) < 0 || id < 0)
            id = -1;
        r = fn(id, path, arg, err);
    }
    return r;
}

int
blob_store_remove_path(struct blob_store *s, const char *path, struct err *err)
{
    if (unlinkat(s->dir_fd, path, 0) && errno != ENOENT)
        return err_sys(err, errno, "remove content/%s", path);
    return 0;
}

/* ---- growing ---- */

#define GROWING_MAX (16 + DIGEST_HEX_MAX) /* "sha512-HEX" */

static char *
growing_name(const struct digest *d, char buf[static GROWING_MAX])
{
    char hex[DIGEST_HEX_MAX];

    (void) snprintf(buf, GROWING_MAX, "%s-%s", digest_alg_name(d->alg), digest_hex(d, hex));
    return buf;
}

static char *
growing_target(int64_t id, char buf[static PATH_INGEST_MAX + 16])
{
    (void) snprintf(buf, PATH_INGEST_MAX + 16, "../ingest/%" PRId64, id);
    return buf;
}

void
blob_store_growing_add(struct blob_store *s, int64_t id, const struct digest *d)
{
    char name[GROWING_MAX], target[PATH_INGEST_MAX + 16];

    (void) unlinkat(s->growing_fd, growing_name(d, name), 0);
    (void) symlinkat(growing_target(id, target), s->growing_fd, name);
}

void
blob_store_growing_remove(struct blob_store *s, int64_t id, const struct digest *d)
{
    char name[GROWING_MAX], target[PATH_INGEST_MAX + 16], have[PATH_INGEST_MAX + 16];
    ssize_t n = readlinkat(s->growing_fd, growing_name(d, name), have, sizeof have - 1);

    if (n < 0)
        return;
    have[n] = '\0';
    if (strcmp(have, growing_target(id, target)) == 0)
        (void) unlinkat(s->growing_fd, name, 0);
}

void
blob_store_growing_clear(struct blob_store *s)
{
    (void) rmtree_contents(s->growing_fd, NULL);
}
