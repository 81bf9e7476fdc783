/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes into a compressed blob; its digest and size come for free. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "libross/archive/decompress.h"
#include "libross/oci/digest.h"

/* Where compressed bytes go. 0, or a negative code with err set, which ends everything. */
typedef int (*compress_sink_fn)(void *sink, const void *p, size_t n, struct err *err);

struct compress;

/* sink is borrowed until compress_free. The same input gives the same output. */
struct compress *compress_new(enum compression kind, compress_sink_fn fn, void *sink);
int compress_write(struct compress *c, const void *p, size_t n, struct err *err);
/* Writes what is left. ret_digest (sha256) and ret_bytes are those of the compressed blob. */
int compress_finish(struct compress *c, struct digest *ret_digest, uint64_t *ret_bytes,
                    struct err *err);
void compress_free(struct compress *c);
DEFINE_AUTO_PTR(compress)
