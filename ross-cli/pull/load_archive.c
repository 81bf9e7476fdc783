/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/pull/load_archive.h"

#include <string.h>

#include "libross/archive/decompress.h"
#include "libross/archive/tar_read.h"
#include "libross/base/path.h"

#define PIECE_BYTES (1024 * 1024)

struct source {
    struct decompress *in;
    unsigned char *piece;
};

static ssize_t
source_next(void *arg, const unsigned char **ret_piece, struct err *err)
{
    struct source *s = arg;

    *ret_piece = s->piece;
    return decompress_read(s->in, s->piece, PIECE_BYTES, err);
}

static ssize_t
entry_piece(void *arg, const void **ret_piece, struct err *err)
{
    int64_t offset;

    return tar_read_data(arg, ret_piece, &offset, err);
}

static int
read_json(struct tar_read *t, char **ret, size_t *ret_bytes, struct err *err)
{
    AUTO(buf) b = BUF_INIT(LOAD_JSON_MAX);
    const void *piece;
    int64_t offset;
    ssize_t n;

    while ((n = tar_read_data(t, &piece, &offset, err)) > 0) {
        int r = buf_append(&b, piece, (size_t) n, err);
        if (r < 0)
            return r;
    }
    if (n < 0)
        return (int) n;
    free(*ret);
    *ret_bytes = b.len;
    *ret = buf_take(&b);
    return 0;
}

/* What docker writes beside, and nobody needs. */
static bool
is_rubbish(const char *name)
{
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;

    return strcmp(base, "VERSION") == 0 || strcmp(base, "json") == 0 ||
           strcmp(name, "repositories") == 0;
}

static int
regular_entry(struct load_set *s, struct tar_read *t, const char *name, bool sparse,
              struct err *err)
{
    struct digest want;
    int r;

    if (strcmp(name, "index.json") == 0)
        return read_json(t, &s->index_json, &s->index_bytes, err);
    if (strcmp(name, "manifest.json") == 0)
        return read_json(t, &s->manifest_json, &s->manifest_bytes, err);
    if (strcmp(name, "oci-layout") == 0) {
        s->oci_layout = true;
        return 0;
    }
    if (is_rubbish(name))
        return 0;
    if (sparse)
        return err_set(err, CODE_INVALID_ARGUMENT, "a blob cannot be a sparse file");
    r = load_blob_name(name, &want, err);
    if (r < 0)
        return r;
    return load_write(s, name, r ? &want : NULL, entry_piece, t, NULL, err);
}

/* A symbolic link is relative to its directory, a hard link to the archive. */
static int
link_entry(struct load_set *s, const struct tar_entry *e, const char *name, struct err *err)
{
    const char *slash = e->type == TAR_SYMLINK ? strrchr(name, '/') : NULL;
    auto_free char *joined = xasprintf("/%.*s/%s", slash ? (int) (slash - name) : 0, name, e->link);
    auto_free char *clean = path_clean(joined);

    return load_add_link(s, name, clean + 1, err);
}

static int
one_entry(struct load_set *s, struct tar_read *t, const struct tar_entry *e, struct err *err)
{
    auto_free char *rooted = xasprintf("/%s", e->name);
    auto_free char *clean = path_clean(rooted);
    int r = 0;

    if (e->type == TAR_REG)
        r = regular_entry(s, t, clean + 1, e->sparse, err);
    else if (e->type == TAR_SYMLINK || e->type == TAR_LINK)
        r = link_entry(s, e, clean + 1, err);
    return r < 0 ? err_wrap(err, r, "entry '%.200s'", clean + 1) : 0;
}

int
load_archive(struct load_set *s, struct load_input *in, struct err *err)
{
    AUTO_PTR(decompress) stream = decompress_new(load_input_read, in, NULL);
    auto_free unsigned char *piece = xmalloc(PIECE_BYTES);
    struct source source = {.in = stream, .piece = piece};
    AUTO_PTR(tar_read) t = tar_read_new(source_next, &source, &tar_limits_default);
    const struct tar_entry *e;
    int r;

    while ((r = tar_read_next(t, &e, err)) > 0) {
        r = one_entry(s, t, e, err);
        if (r < 0)
            return r;
        if (call_ctx_cancelled(s->ctx))
            return err_set(err, CODE_CANCELED, "canceled");
    }
    return r < 0 ? r : tar_read_drain(t, err);
}
