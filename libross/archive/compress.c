/* SPDX-License-Identifier: Apache-2.0 */
/* Compressed blobs; the one door to ISA-L's deflate and libzstd's encoder. */
#include "compress.h"

#include <assert.h>
#include <isa-l/igzip_lib.h>
#include <stdbool.h>
#include <zstd.h>

#define OUTPUT_BYTES ((size_t) 128 * 1024)
#define GZIP_LEVEL   3 /* of ISA-L, its densest: about zlib's 2 in size, five times its 6 in speed */
#define ZSTD_LEVEL   3

struct compress {
    enum compression kind;
    compress_sink_fn fn;
    void *sink;
    struct hasher *hash;
    struct isal_zstream *gzip;
    unsigned char *gzip_level_buf;
    ZSTD_CCtx *zstd;
    unsigned char out[OUTPUT_BYTES];
};

static void
begin_gzip(struct compress *c)
{
    c->gzip = xmalloc(sizeof *c->gzip);
    c->gzip_level_buf = xmalloc(ISAL_DEF_LVL3_DEFAULT);
    isal_deflate_init(c->gzip);
    c->gzip->level = GZIP_LEVEL;
    c->gzip->level_buf = c->gzip_level_buf;
    c->gzip->level_buf_size = ISAL_DEF_LVL3_DEFAULT;
    c->gzip->gzip_flag = IGZIP_GZIP;
}

static void
begin_zstd(struct compress *c)
{
    c->zstd = ZSTD_createCCtx();
    if (!c->zstd)
        abort(); /* as xmalloc */
    (void) ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
    (void) ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_checksumFlag, 1);
}

struct compress *
compress_new(enum compression kind, compress_sink_fn fn, void *sink)
{
    struct compress *c = xcalloc(1, sizeof *c);

    c->kind = kind;
    c->fn = fn;
    c->sink = sink;
    c->hash = hasher_new(DIGEST_SHA256);
    if (kind == COMPRESSION_GZIP)
        begin_gzip(c);
    else if (kind == COMPRESSION_ZSTD)
        begin_zstd(c);
    return c;
}

void
compress_free(struct compress *c)
{
    if (!c)
        return;
    hasher_free(c->hash);
    free(c->gzip);
    free(c->gzip_level_buf);
    ZSTD_freeCCtx(c->zstd);
    free(c);
}

static int
emit(struct compress *c, const void *p, size_t n, struct err *err)
{
    if (!n)
        return 0;
    hasher_update(c->hash, p, n);
    return c->fn(c->sink, p, n, err);
}

static int
run_gzip(struct compress *c, const void *p, size_t n, bool end, struct err *err)
{
    struct isal_zstream *s = c->gzip;
    int r;

    s->next_in = (uint8_t *) (uintptr_t) p;
    do {
        /* The counters of the library have 32 bits. */
        uint32_t part = n > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t) n;

        s->avail_in = part;
        n -= part;
        s->end_of_stream = end && !n;
        do {
            s->next_out = c->out;
            s->avail_out = OUTPUT_BYTES;
            r = isal_deflate(s);
            if (r != COMP_OK)
                return err_set(err, CODE_INTERNAL, "gzip: the library says %d", r);
            r = emit(c, c->out, OUTPUT_BYTES - s->avail_out, err);
            if (r < 0)
                return r;
        } while (s->avail_in || !s->avail_out ||
                 (s->end_of_stream && s->internal_state.state != ZSTATE_END));
    } while (n);
    return 0;
}

static int
run_zstd(struct compress *c, const void *p, size_t n, bool end, struct err *err)
{
    ZSTD_inBuffer in = {.src = p, .size = n};
    size_t left;
    int r;

    do {
        ZSTD_outBuffer out = {.dst = c->out, .size = OUTPUT_BYTES};

        left = ZSTD_compressStream2(c->zstd, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left))
            return err_set(err, CODE_INTERNAL, "zstd: %s", ZSTD_getErrorName(left));
        r = emit(c, c->out, out.pos, err);
        if (r < 0)
            return r;
    } while (end ? left != 0 : in.pos < in.size);
    return 0;
}

static int
run(struct compress *c, const void *p, size_t n, bool end, struct err *err)
{
    switch (c->kind) {
    case COMPRESSION_GZIP:
        return run_gzip(c, p, n, end, err);
    case COMPRESSION_ZSTD:
        return run_zstd(c, p, n, end, err);
    case COMPRESSION_NONE:
        return emit(c, p, n, err);
    }
    assert(0);
    return 0;
}

int
compress_write(struct compress *c, const void *p, size_t n, struct err *err)
{
    return n ? run(c, p, n, false, err) : 0;
}

int
compress_finish(struct compress *c, struct digest *ret_digest, uint64_t *ret_bytes, struct err *err)
{
    int r = run(c, "", 0, true, err);

    if (r < 0)
        return r;
    hasher_peek(c->hash, ret_digest);
    *ret_bytes = hasher_bytes(c->hash);
    return 0;
}
