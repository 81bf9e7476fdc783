/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a layer blob, verified while they are read. */
#include "blob_source.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/client/records_client.h"
#include "libross/base/fd.h"

struct blob_source {
    struct call_ctx ctx;
    char *ns; /* that was found, when the caller had none */
    const struct oci_desc *desc;
    struct hasher *hash;
    int fd; /* of the file, or -1 and: */
    struct content_reader *reader;
    int64_t offset;
    bool verified;
};

/* The file, or -1 when there is none that could be the blob; the API decides then. */
static int
open_file(const struct blob_places *places, const struct digest *d)
{
    char hex[DIGEST_HEX_MAX];
    auto_free char *path = NULL;
    auto_close int fd = -1;
    struct stat st;

    if (!places->content_root)
        return -1;
    path = xasprintf("%s/blobs/%s/%s", places->content_root, digest_alg_name(d->alg),
                     digest_hex(d, hex));
    fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return -1;
    (void) posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return TAKE_FD(fd);
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
    b->fd = open_file(places, &desc->digest);
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

ssize_t
blob_source_read(void *source, void *p, size_t n, struct err *err)
{
    struct blob_source *b = source;
    ssize_t got;

    if (call_ctx_cancelled(&b->ctx))
        return err_set(err, CODE_CANCELED, "the caller is gone");
    if (b->fd >= 0) {
        do
            got = pread(b->fd, p, n, b->offset);
        while (got < 0 && errno == EINTR);
        if (got < 0)
            return err_sys(err, errno, "read a blob");
    } else {
        got = content_reader_pread(b->reader, p, n, b->offset, err);
        if (got < 0)
            return got;
    }
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
    (void) fd_close(b->fd);
    content_reader_free(b->reader);
    hasher_free(b->hash);
    free(b->ns);
    free(b);
}
