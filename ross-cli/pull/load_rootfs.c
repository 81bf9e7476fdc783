/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/pull/load_rootfs.h"

#include <string.h>

#include "libross/archive/decompress.h"
#include "libross/archive/tar_read.h"
#include "libross/base/clock.h"
#include "libross/json/json.h"
#include "libross/oci/oci_config.h"
#include "libross/oci/oci_config_change.h"
#include "libross/oci/oci_manifest.h"
#include "libross/oci/platform.h"

#define PIECE_BYTES (1024 * 1024)
#define COMMENT     "Imported from -" /* what docker writes */

/* ---- the layer ---- */

struct raw {
    struct load_input *in;
    unsigned char *piece;
};

static ssize_t
raw_piece(void *arg, const void **ret_piece, struct err *err)
{
    struct raw *raw = arg;

    *ret_piece = raw->piece;
    return load_input_read(raw->in, raw->piece, PIECE_BYTES, err);
}

/* The stored blob, read back, unpacked and hashed while the tar reader looks at all of it. */
struct check {
    struct content_reader *reader;
    int64_t at;
    struct decompress *stream;
    struct hasher *hash;
    unsigned char *piece;
};

static ssize_t
stored_bytes(void *arg, void *p, size_t n, struct err *err)
{
    struct check *c = arg;
    ssize_t got = content_reader_pread(c->reader, p, n, c->at, err);

    if (got > 0)
        c->at += got;
    return got;
}

static ssize_t
tar_piece(void *arg, const unsigned char **ret_piece, struct err *err)
{
    struct check *c = arg;
    ssize_t n = decompress_read(c->stream, c->piece, PIECE_BYTES, err);

    if (n > 0)
        hasher_update(c->hash, c->piece, (size_t) n);
    *ret_piece = c->piece;
    return n;
}

/* The diff id of a stored layer; InvalidArgument when it is no tar archive. */
static int
diff_id(struct load_set *s, const struct digest *blob, struct digest *ret, struct err *err)
{
    AUTO_PTR(content_reader) reader = NULL;
    AUTO_PTR(hasher) hash = hasher_new(DIGEST_SHA256);
    auto_free unsigned char *piece = xmalloc(PIECE_BYTES);
    struct check c = {.hash = hash, .piece = piece};
    const struct tar_entry *e;
    int r = content_reader_open(s->content, s->ctx, blob, &reader, err);

    if (r < 0)
        return r;
    c.reader = reader;
    AUTO_PTR(decompress) stream = decompress_new(stored_bytes, &c, NULL);
    c.stream = stream;
    AUTO_PTR(tar_read) t = tar_read_new(tar_piece, &c, &tar_limits_default);
    while ((r = tar_read_next(t, &e, err)) > 0)
        if (call_ctx_cancelled(s->ctx))
            return err_set(err, CODE_CANCELED, "canceled");
    if (r == 0)
        r = tar_read_drain(t, err);
    if (r == 0)
        hasher_peek(hash, ret);
    return r;
}

/* ---- config and manifest ---- */

struct text {
    const char *p;
    size_t n;
};

static ssize_t
text_piece(void *arg, const void **ret_piece, struct err *err)
{
    struct text *t = arg;
    size_t n = t->n;

    (void) err;
    *ret_piece = t->p;
    t->n = 0;
    return (ssize_t) n;
}

static int
store_text(struct load_set *s, const char *type, const char *p, size_t n, struct oci_desc *ret,
           struct err *err)
{
    struct text text = {.p = p, .n = n};
    struct digest digest;
    int r;

    digest_compute(DIGEST_SHA256, p, n, &digest);
    r = load_write(s, NULL, &digest, text_piece, &text, NULL, err);
    if (r == 0)
        *ret = (struct oci_desc){
            .media_type = xstrdup(type), .digest = digest, .size_bytes = (int64_t) n};
    return r;
}

static int
store_config(struct load_set *s, const struct load_tree *how, const struct oci_platform *platform,
             const struct digest *diff, struct oci_desc *ret, struct err *err)
{
    char now[CLOCK_STR_MAX];
    struct oci_history step = {.created = clock_format(clock_now_ns(), now)};
    AUTO_PTR(json) document = NULL;
    AUTO(oci_config) c = {0};
    int r = 0;
    size_t n;

    step.comment = (char *) (uintptr_t) (how->message ? how->message : COMMENT);
    c.created = xstrdup(now);
    c.platform = platform_clone(platform);
    oci_config_add_layer(&c, diff);
    oci_config_add_history(&c, &step);
    auto_free char *plain = oci_config_format(&c, &n);
    r = json_parse(plain, n, &document, err);
    if (r == 0 && !json_find(document, "config"))
        json_set(document, "config", json_new_object());
    if (r == 0)
        r = oci_config_change(json_find(document, "config"), how->changes, err);
    if (r < 0)
        return r;
    auto_free char *text = json_dump(document, &n);
    return store_text(s, MEDIA_OCI_CONFIG, text, n, ret, err);
}

static int
check_changes(const struct strv *changes, struct err *err)
{
    AUTO_PTR(json) nothing = json_new_object();

    return oci_config_change(nothing, changes, err);
}

int
load_rootfs(struct load_set *s, struct load_input *in, const struct load_tree *how,
            const struct oci_platform *platform, struct oci_desc *ret, struct err *err)
{
    auto_free unsigned char *piece = xmalloc(PIECE_BYTES);
    struct raw raw = {.in = in, .piece = piece};
    AUTO(oci_platform) host = {0};
    AUTO(oci_manifest) m = {0};
    struct load_file layer = {0};
    struct digest diff;
    size_t n;
    /* before anything is read */
    int r = check_changes(how->changes, err);

    if (r == 0)
        r = load_write(s, NULL, NULL, raw_piece, &raw, &layer, err);
    if (r == 0)
        r = diff_id(s, &layer.digest, &diff, err);
    platform_host(&host);
    if (r == 0)
        r = store_config(s, how, platform ? platform : &host, &diff, &m.config, err);
    if (r < 0)
        return r;
    m.media_type = xstrdup(MEDIA_OCI_MANIFEST);
    m.layers = xcalloc(1, sizeof *m.layers);
    m.n_layers = 1;
    m.layers[0] =
        (struct oci_desc){.media_type = xstrdup(media_type_layer(false, layer.compression)),
                          .digest = layer.digest,
                          .size_bytes = layer.size_bytes};
    auto_free char *text = oci_manifest_format(&m, &n);
    return store_text(s, MEDIA_OCI_MANIFEST, text, n, ret, err);
}
