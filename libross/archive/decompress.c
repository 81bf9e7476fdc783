/* SPDX-License-Identifier: Apache-2.0 */
/* Layer blobs as the bytes that were compressed; the one door to ISA-L's inflate and libzstd's decoder. */
#include "decompress.h"

#include <assert.h>
#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "libross/base/fault.h"

#define INPUT_BYTES              (256 * 1024)
#define HEADROOM_BYTES           8 /* before the input: what the bit buffer of inflate can give back */
#define MAGIC_BYTES              4
#define OUTPUT_BYTES_MAX_DEFAULT (UINT64_C(256) << 30)
#define RATIO_MAX_DEFAULT        1200 /* deflate cannot exceed 1032 */
#define RATIO_FLOOR_DEFAULT      (UINT64_C(1) << 30)
#define ZSTD_WINDOW_LOG_DEFAULT  27

enum stage { STAGE_SNIFF, STAGE_RUN, STAGE_END, STAGE_FAILED };

struct decompress {
    decompress_source_fn fn;
    void *source;
    struct decompress_limits limits;
    enum stage stage;
    enum compression kind;
    bool source_ended;
    bool in_frame; /* inside a gzip member or zstd frame: the end of the source is not the end */
    uint64_t input_bytes, output_bytes;
    size_t pos, len; /* the unread part of input */
    struct inflate_state *gzip;
    ZSTD_DStream *zstd;
    struct err error; /* of STAGE_FAILED */
    unsigned char input[HEADROOM_BYTES + INPUT_BYTES];
};

const char *
compression_name(enum compression c)
{
    static const char *const names[] = {"none", "gzip", "zstd"};

    assert((size_t) c < ARRAY_LEN(names));
    return names[c];
}

ssize_t
decompress_source_fd(void *fd, void *p, size_t n, struct err *err)
{
    ssize_t got;

    do {
        got = read(*(int *) fd, p, n);
    } while (got < 0 && errno == EINTR);
    return got < 0 ? err_sys(err, errno, "read the blob") : got;
}

struct decompress *
decompress_new(decompress_source_fn fn, void *source, const struct decompress_limits *limits)
{
    struct decompress *d = xcalloc(1, sizeof *d);

    d->fn = fn;
    d->source = source;
    d->pos = d->len = HEADROOM_BYTES;
    if (limits)
        d->limits = *limits;
    if (!d->limits.output_bytes_max)
        d->limits.output_bytes_max = OUTPUT_BYTES_MAX_DEFAULT;
    if (!d->limits.ratio_max)
        d->limits.ratio_max = RATIO_MAX_DEFAULT;
    if (!d->limits.ratio_floor_bytes)
        d->limits.ratio_floor_bytes = RATIO_FLOOR_DEFAULT;
    if (!d->limits.zstd_window_log_max)
        d->limits.zstd_window_log_max = ZSTD_WINDOW_LOG_DEFAULT;
    return d;
}

void
decompress_free(struct decompress *d)
{
    if (!d)
        return;
    free(d->gzip);
    ZSTD_freeDStream(d->zstd);
    free(d);
}

enum compression
decompress_kind(const struct decompress *d)
{
    return d->kind;
}

uint64_t
decompress_input_bytes(const struct decompress *d)
{
    return d->input_bytes;
}

static ssize_t
take_from_source(struct decompress *d, void *p, size_t n, struct err *err)
{
    ssize_t got;
    int fault;

    if (d->source_ended)
        return 0;
    fault = FAULT("decompress.read");
    got = fault ? err_sys(err, fault, "read the blob") : d->fn(d->source, p, n, err);
    assert(got <= (ssize_t) n);
    if (got == 0)
        d->source_ended = true;
    if (got > 0)
        d->input_bytes += (uint64_t) got;
    return got;
}

/* Reads once, behind what is still unread. As take_from_source. */
static ssize_t
fill_input(struct decompress *d, struct err *err)
{
    ssize_t got;

    if (d->pos == d->len)
        d->pos = d->len = HEADROOM_BYTES;
    assert(d->len < sizeof d->input);
    got = take_from_source(d, d->input + d->len, sizeof d->input - d->len, err);
    if (got > 0)
        d->len += (size_t) got;
    return got;
}

static void
begin_gzip_member(struct decompress *d)
{
    if (!d->gzip) {
        d->gzip = xmalloc(sizeof *d->gzip);
        isal_inflate_init(d->gzip);
    } else {
        isal_inflate_reset(d->gzip);
    }
    d->gzip->crc_flag = ISAL_GZIP;
}

static int
begin_zstd(struct decompress *d, struct err *err)
{
    size_t z;

    d->zstd = ZSTD_createDStream();
    if (!d->zstd)
        return err_sys(err, ENOMEM, "start the zstd decoder");
    z = ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax, (int) d->limits.zstd_window_log_max);
    if (ZSTD_isError(z))
        return err_set(err, CODE_INVALID_ARGUMENT, "zstd window limit 2^%u: %s",
                       d->limits.zstd_window_log_max, ZSTD_getErrorName(z));
    return 0;
}

/* The magics that containerd knows (reference 10.2); anything else is a plain tar. */
static enum compression
kind_of(const unsigned char *p, size_t n)
{
    static const unsigned char gzip[] = {0x1f, 0x8b, 0x08}, zstd[] = {0x28, 0xb5, 0x2f, 0xfd},
                               skippable[] = {0x2a, 0x4d, 0x18};

    if (n >= sizeof gzip && memcmp(p, gzip, sizeof gzip) == 0)
        return COMPRESSION_GZIP;
    if (n >= sizeof zstd && memcmp(p, zstd, sizeof zstd) == 0)
        return COMPRESSION_ZSTD;
    if (n >= MAGIC_BYTES && (p[0] & 0xf0) == 0x50 && memcmp(p + 1, skippable, 3) == 0)
        return COMPRESSION_ZSTD;
    return COMPRESSION_NONE;
}

static int
sniff(struct decompress *d, struct err *err)
{
    ssize_t got;

    while (d->len - d->pos < MAGIC_BYTES && !d->source_ended) {
        got = fill_input(d, err);
        if (got < 0)
            return (int) got;
    }
    d->kind = kind_of(d->input + d->pos, d->len - d->pos);
    d->stage = STAGE_RUN;
    if (d->kind == COMPRESSION_ZSTD)
        return begin_zstd(d, err);
    return 0;
}

static ssize_t
read_plain(struct decompress *d, void *p, size_t n, struct err *err)
{
    size_t have = d->len - d->pos;

    if (!have)
        return take_from_source(d, p, n, err);
    if (have > n)
        have = n;
    memcpy(p, d->input + d->pos, have);
    d->pos += have;
    return (ssize_t) have;
}

static int
gzip_error(int code, struct err *err)
{
    switch (code) {
    case ISAL_INCORRECT_CHECKSUM:
        return err_set(err, CODE_DATA_LOSS, "the gzip checksum or length does not match");
    case ISAL_INVALID_WRAPPER:
    case ISAL_UNSUPPORTED_METHOD:
        return err_set(err, CODE_INVALID_ARGUMENT, "not a gzip header where a member must begin");
    default:
        return err_set(err, CODE_INVALID_ARGUMENT, "the gzip stream is malformed (%d)", code);
    }
}

/*
 * Whole bytes that inflate's bit buffer took from beyond the member's end go back to the front of the input. They may
 * stem from an input buffer that is gone, hence the headroom.
 */
static void
unread_bits(struct decompress *d)
{
    size_t n = (size_t) d->gzip->read_in_length / 8;
    uint64_t bits = d->gzip->read_in >> (d->gzip->read_in_length % 8);

    assert(d->gzip->read_in_length >= 0 && n <= d->pos);
    d->pos -= n;
    for (size_t i = 0; i < n; i++)
        d->input[d->pos + i] = (unsigned char) (bits >> (8 * i));
    d->gzip->read_in_length = 0;
}

/* One step of inflate: how many bytes came out, maybe none. */
static ssize_t
step_gzip(struct decompress *d, void *p, size_t n, struct err *err)
{
    struct inflate_state *s = d->gzip;
    uint32_t room = n > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t) n;
    int r;

    if (!d->in_frame) {
        begin_gzip_member(d);
        s = d->gzip;
        d->in_frame = true;
    }
    s->next_in = d->input + d->pos;
    s->avail_in = (uint32_t) (d->len - d->pos);
    s->next_out = p;
    s->avail_out = room;
    r = isal_inflate(s);
    if (r < 0 || r == ISAL_NEED_DICT)
        return gzip_error(r, err);
    d->pos = d->len - s->avail_in;
    if (s->block_state == ISAL_BLOCK_FINISH) {
        d->in_frame = false;
        unread_bits(d);
    }
    return (ssize_t) (room - s->avail_out);
}

static ssize_t
step_zstd(struct decompress *d, void *p, size_t n, struct err *err)
{
    ZSTD_inBuffer in = {.src = d->input, .size = d->len, .pos = d->pos};
    ZSTD_outBuffer out = {.dst = p, .size = n};
    size_t z = ZSTD_decompressStream(d->zstd, &out, &in);

    d->pos = in.pos;
    if (!ZSTD_isError(z)) {
        d->in_frame = z != 0;
        return (ssize_t) out.pos;
    }
    if (strstr(ZSTD_getErrorName(z), "checksum"))
        return err_set(err, CODE_DATA_LOSS, "the zstd checksum does not match");
    if (strstr(ZSTD_getErrorName(z), "memory"))
        return err_set(err, CODE_RESOURCE_EXHAUSTED,
                       "the zstd frame wants a window above the limit of 2^%u bytes",
                       d->limits.zstd_window_log_max);
    return err_set(err, CODE_INVALID_ARGUMENT, "the zstd stream is malformed (%s)",
                   ZSTD_getErrorName(z));
}

static ssize_t
read_compressed(struct decompress *d, void *p, size_t n, struct err *err)
{
    ssize_t got;

    for (;;) {
        if (d->pos == d->len) {
            got = fill_input(d, err);
            if (got < 0)
                return got;
            if (got == 0 && !d->in_frame)
                return 0;
        }
        got = d->kind == COMPRESSION_GZIP ? step_gzip(d, p, n, err) : step_zstd(d, p, n, err);
        if (got != 0)
            return got;
        if (d->source_ended && d->pos == d->len && d->in_frame)
            return err_set(err, CODE_DATA_LOSS, "the %s stream ends early, after %llu bytes",
                           compression_name(d->kind), (unsigned long long) d->input_bytes);
    }
}

static int
check_limits(const struct decompress *d, struct err *err)
{
    if (d->output_bytes > d->limits.output_bytes_max)
        return err_set(err, CODE_RESOURCE_EXHAUSTED,
                       "the stream is longer than the limit of %llu bytes",
                       (unsigned long long) d->limits.output_bytes_max);
    if (d->kind != COMPRESSION_NONE && d->output_bytes > d->limits.ratio_floor_bytes &&
        d->output_bytes / d->limits.ratio_max > d->input_bytes)
        return err_set(err, CODE_RESOURCE_EXHAUSTED,
                       "the stream grows more than %llu-fold, the limit",
                       (unsigned long long) d->limits.ratio_max);
    return 0;
}

static ssize_t
read_some(struct decompress *d, void *p, size_t n, struct err *err)
{
    ssize_t got;
    int r;

    if (d->stage == STAGE_SNIFF) {
        r = sniff(d, err);
        if (r < 0)
            return r;
    }
    got = d->kind == COMPRESSION_NONE ? read_plain(d, p, n, err) : read_compressed(d, p, n, err);
    if (got <= 0)
        return got;
    d->output_bytes += (uint64_t) got;
    r = check_limits(d, err);
    return r < 0 ? r : got;
}

ssize_t
decompress_read(struct decompress *d, void *p, size_t n, struct err *err)
{
    ssize_t got;

    assert(n > 0);
    if (d->stage == STAGE_END)
        return 0;
    if (d->stage != STAGE_FAILED) {
        d->error = (struct err){0};
        got = read_some(d, p, n, &d->error);
        if (got > 0)
            return got;
        d->stage = got == 0 ? STAGE_END : STAGE_FAILED;
        if (got == 0)
            return 0;
    }
    if (err)
        *err = d->error;
    assert(d->error.code);
    return -d->error.code;
}
