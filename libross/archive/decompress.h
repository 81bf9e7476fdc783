/* SPDX-License-Identifier: Apache-2.0 */
/* Layer blobs as the bytes that were compressed: gzip, zstd or neither, told apart by their first bytes. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "libross/base/err.h"
#include "libross/base/mem.h"

enum compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD };

/* "none", "gzip", "zstd". */
const char *compression_name(enum compression c);

/*
 * Where compressed bytes come from: up to n of them into p. The count, 0 at the end (and again when asked again), or
 * a negative code with err set. May block. Called from one thread at a time, not always the same one.
 */
typedef ssize_t (*decompress_source_fn)(void *source, void *p, size_t n, struct err *err);

/* A source of decompress_new that reads the fd behind an int pointer. */
ssize_t decompress_source_fd(void *fd, void *p, size_t n, struct err *err);

/* Named settings; a value of 0 takes its default. */
struct decompress_limits {
    uint64_t output_bytes_max;    /* of the whole stream; default 256 GiB */
    uint64_t ratio_max;           /* output / input, once above the floor; default 1200 */
    uint64_t ratio_floor_bytes;   /* of output; default 1 GiB */
    uint32_t zstd_window_log_max; /* default 27 (128 MiB), what the zstd tool takes unasked */
};

/*
 * A stream of decompressed bytes, pulled. Concatenated gzip members and zstd frames are one stream; checksums and
 * sizes of gzip and zstd are verified. Bytes after the last gzip member or zstd frame are an error, as in Go's readers.
 */
struct decompress;

/* source is borrowed until decompress_free. Reads nothing yet. limits NULL = all defaults. */
struct decompress *decompress_new(decompress_source_fn fn, void *source,
                                  const struct decompress_limits *limits);
/*
 * Up to n bytes: the count, 0 at the end of the stream, or a negative code: what the source said; InvalidArgument for
 * bytes that are not what their magic promises; DataLoss when they end early or fail their checksum; ResourceExhausted
 * beyond a limit. An error stays.
 */
ssize_t decompress_read(struct decompress *d, void *p, size_t n, struct err *err);
/* What the first bytes said; meaningful once decompress_read returned. */
enum compression decompress_kind(const struct decompress *d);
/* Compressed bytes taken from the source so far. */
uint64_t decompress_input_bytes(const struct decompress *d);
void decompress_free(struct decompress *d);
DEFINE_AUTO_PTR(decompress)
