/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a layer blob, verified while they are read: from the files of a content store on this host when the blob
 * is there, or on its way there (its ingest is then followed while it grows), else through a content API (our
 * contentd's or containerd's).
 */
#pragma once

#include <sys/types.h>

#include "libross/contract/content.h"
#include "libross/oci/oci_desc.h"

struct blob_source;

struct rpc_channel;

struct blob_places {
    const char *
        content_root; /* whose blobs/ALG/HEX and growing/ALG-HEX are looked at first; NULL = none */
    struct content *content; /* or NULL; borrowed */
    struct rpc_channel
        *channel; /* of `content`, for its namespaces and leases; or NULL; borrowed */
};

/*
 * NotFound when no place has it. A caller without a namespace (containerd 1.x calls its proxied differs so) gets
 * the blob from any namespace that has it: a digest is a digest. `ctx` and `desc` are borrowed until
 * blob_source_free.
 */
int blob_source_open(const struct blob_places *places, const struct call_ctx *ctx,
                     const struct oci_desc *desc, struct blob_source **ret, struct err *err);
/* Asked before bytes are read and while they are waited for: when it answers a negative code, reading ends with it. */
void blob_source_ask(struct blob_source *b, int (*fn)(void *arg, struct err *err), void *arg);
/*
 * A decompress_source_fn with a struct blob_source. At the end of the bytes: DataLoss when they are not those that the
 * descriptor names (size, digest). Canceled when the caller of `ctx` is gone. Aborted when the bytes stop coming for
 * good: their writer gave up.
 */
ssize_t blob_source_read(void *source, void *p, size_t n, struct err *err);
void blob_source_free(struct blob_source *b);
DEFINE_AUTO_PTR(blob_source)
