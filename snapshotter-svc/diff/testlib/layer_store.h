/* SPDX-License-Identifier: Apache-2.0 */
/* Layers of tests, where a content store has its blobs. */
#pragma once

#include <fcntl.h>

#include "libross/archive/testlib/tar_build.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/oci/oci_desc.h"

#define LAYER_TAR "application/vnd.oci.image.layer.v1.tar"

static inline struct oci_desc
layer_desc(const struct buf *b, const char *media_type)
{
    struct oci_desc d = {.media_type = xstrdup(media_type), .size_bytes = (int64_t) b->len};

    digest_compute(DIGEST_SHA256, b->data, b->len, &d.digest);
    return d;
}

/* malloc'ed: CONTENT_ROOT/blobs/sha256/HEX, and the folder is there. */
static inline char *
layer_path(const char *content_root, const struct oci_desc *d)
{
    auto_free char *dir = xasprintf("%s/blobs/sha256", content_root);
    char hex[DIGEST_HEX_MAX];
    struct err err = {0};

    assert_ok(path_mkdirs_at(AT_FDCWD, dir, 0700, &err), &err);
    return xasprintf("%s/%s", dir, digest_hex(&d->digest, hex));
}

static inline struct oci_desc
layer_store(const char *content_root, const struct buf *b, const char *media_type)
{
    struct oci_desc d = layer_desc(b, media_type);
    auto_free char *path = layer_path(content_root, &d);
    struct err err = {0};

    assert_ok(fd_write_file_at(AT_FDCWD, path, b->data, b->len, 0600, &err), &err);
    return d;
}
