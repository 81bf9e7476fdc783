/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/pull/load_store.h"

#include <string.h>

#include "libross/base/clock.h"
#include "libross/base/random.h"

#define LINKS_MAX 16

void
load_set_done(struct load_set *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->files[i].name);
        free(s->files[i].same_as);
    }
    free(s->files);
    free(s->index_json);
    free(s->manifest_json);
    *s = (struct load_set){0};
}

static const struct load_file *
find_name(const struct load_set *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->files[i].name, name) == 0)
            return &s->files[i];
    return NULL;
}

const struct load_file *
load_find(const struct load_set *s, const char *name)
{
    const struct load_file *f = find_name(s, name);

    for (int i = 0; f && f->same_as && i < LINKS_MAX; i++)
        f = find_name(s, f->same_as);
    return f && f->same_as ? NULL : f;
}

static int
add_file(struct load_set *s, struct load_file f, struct err *err)
{
    if (s->n == LOAD_FILES_MAX) {
        free(f.name);
        free(f.same_as);
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "more than %d files", LOAD_FILES_MAX);
    }
    if ((s->n & (s->n - 1)) == 0)
        s->files = xreallocarray(s->files, s->n ? s->n * 2 : 1, sizeof *s->files);
    s->files[s->n++] = f;
    return 0;
}

int
load_add_link(struct load_set *s, const char *name, const char *target, struct err *err)
{
    return add_file(s, (struct load_file){.name = xstrdup(name), .same_as = xstrdup(target)}, err);
}

int
load_blob_name(const char *name, struct digest *ret, struct err *err)
{
    const char *p = name, *slash;

    if (strncmp(p, "blobs/", 6) != 0)
        return 0;
    p += 6;
    slash = strchr(p, '/');
    if (!slash || strchr(slash + 1, '/') || !slash[1])
        return err_set(err, CODE_INVALID_ARGUMENT, "'%s' is no name of a blob", name);
    auto_free char *text = xasprintf("%.*s:%s", (int) (slash - p), p, slash + 1);
    int r = digest_parse(text, ret, err);
    return r < 0 ? err_wrap(err, r, "'%s'", name) : 1;
}

/* ---- writing ---- */

static enum media_compression
sniff(const unsigned char *p, size_t n)
{
    if (n >= 3 && memcmp(p, "\x1f\x8b\x08", 3) == 0)
        return MEDIA_COMPRESSION_GZIP;
    if (n >= 4 && memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0)
        return MEDIA_COMPRESSION_ZSTD;
    return MEDIA_COMPRESSION_NONE;
}

static int
copy_pieces(struct load_set *s, struct content_writer *w, load_piece_fn next, void *arg,
            struct load_file *f, struct err *err)
{
    struct ingest_status status = {0};

    for (;;) {
        const void *piece;
        ssize_t n = next(arg, &piece, err);
        if (n < 0)
            return (int) n;
        if (n == 0)
            break;
        if (f->size_bytes == 0)
            f->compression = sniff(piece, (size_t) n);
        int r = content_writer_write(w, piece, (size_t) n, err);
        if (r < 0)
            return err_wrap(err, r, "content store");
        f->size_bytes += n;
        if (call_ctx_cancelled(s->ctx))
            return err_set(err, CODE_CANCELED, "canceled");
    }
    int r = content_writer_status(w, &status, err);
    f->digest = status.digest;
    ingest_status_done(&status);
    return r < 0 ? err_wrap(err, r, "content store") : 0;
}

static int
check_and_commit(struct content_writer *w, const struct digest *want, struct load_file *f,
                 struct err *err)
{
    char got[DIGEST_STR_MAX], wanted[DIGEST_STR_MAX];
    const struct labels none = {0};
    int r;

    if (want && want->alg == f->digest.alg && !digest_equal(want, &f->digest))
        return err_set(err, CODE_DATA_LOSS, "blob %s hashes to %s", digest_format(want, wanted),
                       digest_format(&f->digest, got));
    if (want)
        f->digest = *want;
    r = content_writer_commit(w, f->size_bytes, &f->digest, &none, err);
    if (r == -CODE_FAILED_PRECONDITION && want)
        return err_set(err, CODE_DATA_LOSS, "blob %s is not what its name says",
                       digest_format(want, wanted));
    return r == -CODE_ALREADY_EXISTS ? 0 : r;
}

static int
blob_known(struct load_set *s, const struct digest *want, struct load_file *f, struct err *err)
{
    struct content_info info = {0};
    int r = content_info_get(s->content, s->ctx, want, &info, err);

    f->digest = *want;
    f->size_bytes = info.size_bytes;
    content_info_done(&info);
    return r == -CODE_NOT_FOUND ? 0 : r < 0 ? r : 1;
}

static int
blob_write(struct load_set *s, const struct digest *want, load_piece_fn next, void *arg,
           struct load_file *f, struct err *err)
{
    AUTO_PTR(content_writer) w = NULL;
    char random[17];
    auto_free char *ref = xasprintf("load-%s", random_hex(random, 8));
    const struct content_writer_open open = {.ref = ref, .expected = want};
    int r = content_writer_open(s->content, s->ctx, &open, &w, err);

    if (r == -CODE_ALREADY_EXISTS && want)
        return blob_known(s, want, f, err);
    if (r < 0)
        return err_wrap(err, r, "content store");
    r = copy_pieces(s, w, next, arg, f, err);
    if (r == 0)
        r = check_and_commit(w, want, f, err);
    if (r < 0) {
        struct call_ctx ctx = {.ns = s->ctx->ns, .deadline_ns = clock_mono_ns() + 10 * NS_PER_S};
        content_writer_free(TAKE(w));
        (void) content_abort(s->content, &ctx, ref, NULL);
    }
    return r;
}

int
load_write(struct load_set *s, const char *name, const struct digest *want, load_piece_fn next,
           void *arg, struct load_file *ret, struct err *err)
{
    struct load_file f = {0};
    int r = want ? blob_known(s, want, &f, err) : 0;

    if (r == 0)
        r = blob_write(s, want, next, arg, &f, err);
    if (r < 0)
        return r;
    if (ret)
        *ret = f;
    if (!name)
        return 0;
    f.name = xstrdup(name);
    return add_file(s, f, err);
}
