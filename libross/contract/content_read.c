/* SPDX-License-Identifier: Apache-2.0 */
/* A whole small blob (manifest, config) out of a content store, verified. */
#include "content_read.h"

int
content_read_blob(struct content *c, const struct call_ctx *ctx, const struct oci_desc *desc,
                  struct buf *ret, struct err *err)
{
    AUTO_PTR(content_reader) reader = NULL;
    char shown[DIGEST_STR_MAX];
    struct digest got;
    size_t n, at = 0;
    ssize_t done;
    int r;

    r = content_reader_open(c, ctx, &desc->digest, &reader, err);
    if (r < 0)
        return r;
    digest_format(&desc->digest, shown);
    if (reader->size_bytes != desc->size_bytes)
        return err_set(err, CODE_DATA_LOSS, "blob %s has %lld bytes, its descriptor says %lld",
                       shown, (long long) reader->size_bytes, (long long) desc->size_bytes);
    n = (size_t) reader->size_bytes;
    r = buf_reserve(ret, n, err);
    if (r < 0)
        return err_wrap(err, r, "blob %s", shown);
    for (; at < n; at += (size_t) done) {
        done = content_reader_pread(reader, ret->data + ret->len + at, n - at, (int64_t) at, err);
        if (done < 0)
            return err_wrap(err, (int) done, "read blob %s", shown);
        if (done == 0)
            return err_set(err, CODE_DATA_LOSS, "blob %s ends after %zu of %zu bytes", shown, at,
                           n);
    }
    digest_compute(desc->digest.alg, ret->data + ret->len, n, &got);
    if (!digest_equal(&got, &desc->digest))
        return err_set(err, CODE_DATA_LOSS, "blob %s does not have the digest of its name", shown);
    buf_added(ret, n);
    return 0;
}
