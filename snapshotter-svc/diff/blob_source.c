/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a layer blob, verified while they are read. */
#include "blob_source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/client/records_client.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"

#define CANCEL_CHECK_MS 200

struct blob_source {
    struct call_ctx ctx;
    char *ns; /* that was found, when the caller had none */
    const struct oci_desc *desc;
    struct hasher *hash;
    int fd;        /* of the file, or -1 and `reader` */
    bool growing;  /* the file is an ingest: its end is where the descriptor says */
    int notify_fd; /* inotify of the growing file, -1 before it was waited for */
    struct content_reader *reader;
    int64_t offset;
    bool verified;
    int (*ask)(void *arg, struct err *err); /* or NULL */
    void *ask_arg;
};

void
blob_source_ask(struct blob_source *b, int (*fn)(void *arg, struct err *err), void *arg)
{
    b->ask = fn;
    b->ask_arg = arg;
}

/* Is there still somebody who wants the bytes? */
static int
is_wanted(const struct blob_source *b, struct err *err)
{
    if (call_ctx_cancelled(&b->ctx))
        return err_set(err, CODE_CANCELED, "the caller is gone");
    return b->ask ? b->ask(b->ask_arg, err) : 0;
}

static int
open_regular(const char *path, int flags)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return -1;
    return TAKE_FD(fd);
}

/*
 * The blob's file, else its ingest's, else -1: the API decides then. An ingest that becomes the blob between the
 * two looks is found by the third.
 */
static int
open_file(const struct blob_places *places, const struct oci_desc *desc, bool *ret_growing)
{
    const struct digest *d = &desc->digest;
    auto_free char *path = NULL, *growing = NULL;
    char hex[DIGEST_HEX_MAX];
    int fd;

    *ret_growing = false;
    if (!places->content_root)
        return -1;
    digest_hex(d, hex);
    path = xasprintf("%s/blobs/%s/%s", places->content_root, digest_alg_name(d->alg), hex);
    growing = xasprintf("%s/growing/%s-%s", places->content_root, digest_alg_name(d->alg), hex);
    fd = open_regular(path, O_NOFOLLOW);
    if (fd < 0 && desc->size_bytes > 0) {
        fd = open_regular(growing, 0);
        *ret_growing = fd >= 0;
        if (fd < 0)
            fd = open_regular(path, O_NOFOLLOW);
    }
    if (fd >= 0)
        (void) posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return fd;
}

static int
add_namespace(const struct namespace_ *n, void *arg)
{
    strv_add(arg, n->name);
    return 0;
}

static int
open_in_any_namespace(struct blob_source *b, const struct blob_places *places, struct err *err)
{
    AUTO(strv) names = {0};
    int r;

    r = namespaces_client_list(places->channel, NULL, add_namespace, &names, err);
    if (r < 0)
        return r;
    r = -CODE_NOT_FOUND;
    for (size_t i = 0; i < names.n && r == -CODE_NOT_FOUND; i++) {
        free(b->ns);
        b->ctx.ns = b->ns = xstrdup(names.items[i]);
        r = content_reader_open(places->content, &b->ctx, &b->desc->digest, &b->reader, err);
    }
    if (!names.n)
        return err_set(err, CODE_NOT_FOUND, "there is no namespace: not found");
    return r;
}

int
blob_source_open(const struct blob_places *places, const struct call_ctx *ctx,
                 const struct oci_desc *desc, struct blob_source **ret, struct err *err)
{
    AUTO_PTR(blob_source) b = NULL;
    char shown[DIGEST_STR_MAX];
    int r;

    if (!digest_is_set(&desc->digest))
        return err_set(err, CODE_INVALID_ARGUMENT, "the layer's descriptor has no digest");
    b = xcalloc(1, sizeof *b);
    b->ctx = ctx ? *ctx : (struct call_ctx){0};
    b->desc = desc;
    b->notify_fd = -1;
    b->fd = open_file(places, desc, &b->growing);
    if (b->fd < 0 && !places->content)
        return err_set(err, CODE_NOT_FOUND, "blob %s is not in the content store: not found",
                       digest_format(&desc->digest, shown));
    if (b->fd < 0) {
        r = content_reader_open(places->content, &b->ctx, &desc->digest, &b->reader, err);
        if (r == -CODE_FAILED_PRECONDITION && !b->ctx.ns && places->channel)
            r = open_in_any_namespace(b, places, err);
        if (r < 0)
            return err_wrap(err, r, "read blob %s", digest_format(&desc->digest, shown));
    }
    b->hash = hasher_new(desc->digest.alg);
    *ret = TAKE(b);
    return 0;
}

static int
verify(struct blob_source *b, struct err *err)
{
    char want[DIGEST_STR_MAX], got[DIGEST_STR_MAX];
    struct digest d;

    if (b->verified)
        return 0;
    /* A size of 0 is a descriptor without one. */
    if (b->desc->size_bytes && b->offset != b->desc->size_bytes)
        return err_set(err, CODE_DATA_LOSS, "blob %s has %lld bytes, its descriptor says %lld",
                       digest_format(&b->desc->digest, want), (long long) b->offset,
                       (long long) b->desc->size_bytes);
    hasher_peek(b->hash, &d);
    if (!digest_equal(&d, &b->desc->digest))
        return err_set(err, CODE_DATA_LOSS, "blob %s has the digest %s",
                       digest_format(&b->desc->digest, want), digest_format(&d, got));
    b->verified = true;
    return 0;
}

static int
watch_growth(struct blob_source *b, struct err *err)
{
    char path[PATH_FD_MAX];

    b->notify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (b->notify_fd < 0 || inotify_add_watch(b->notify_fd, path_of_fd(b->fd, path),
                                              IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE) < 0)
        return err_sys(err, errno, "watch a blob that is being written");
    return 0;
}

/* Returns when there may be more bytes than before. */
static int
wait_for_growth(struct blob_source *b, struct err *err)
{
    struct pollfd p = {.fd = b->notify_fd, .events = POLLIN};
    char events[4096], shown[DIGEST_STR_MAX];
    struct stat st;

    /* The caller looks at the file once more after the watch has begun. */
    if (b->notify_fd < 0)
        return watch_growth(b, err);
    (void) poll(&p, 1, CANCEL_CHECK_MS);
    while (read(b->notify_fd, events, sizeof events) > 0)
        ;
    if (fstat(b->fd, &st) < 0)
        return err_sys(err, errno, "look at a blob that is being written");
    if (st.st_nlink == 0)
        return err_set(err, CODE_ABORTED, "the writing of blob %s was given up",
                       digest_format(&b->desc->digest, shown));
    return 0;
}

static ssize_t
file_read(struct blob_source *b, void *p, size_t n, struct err *err)
{
    for (;;) {
        ssize_t got = pread(b->fd, p, n, b->offset);
        int r;

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_sys(err, errno, "read a blob");
        if (got > 0 || !b->growing || b->offset >= b->desc->size_bytes)
            return got;
        r = is_wanted(b, err);
        if (r == 0)
            r = wait_for_growth(b, err);
        if (r < 0)
            return r;
    }
}

ssize_t
blob_source_read(void *source, void *p, size_t n, struct err *err)
{
    struct blob_source *b = source;
    ssize_t got;
    int r = is_wanted(b, err);

    if (r < 0)
        return r;
    got = b->fd >= 0 ? file_read(b, p, n, err)
                     : content_reader_pread(b->reader, p, n, b->offset, err);
    if (got < 0)
        return got;
    if (got == 0)
        return verify(b, err);
    hasher_update(b->hash, p, (size_t) got);
    b->offset += got;
    /* Never more than the descriptor promised: a store that has too much must not keep us busy. */
    if (b->desc->size_bytes && b->offset > b->desc->size_bytes)
        return verify(b, err);
    return got;
}

void
blob_source_free(struct blob_source *b)
{
    if (!b)
        return;
    (void) fd_close(b->notify_fd);
    (void) fd_close(b->fd);
    content_reader_free(b->reader);
    hasher_free(b->hash);
    free(b->ns);
    free(b);
}
