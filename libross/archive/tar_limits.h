/* SPDX-License-Identifier: Apache-2.0 */
/* How much an archive may ask for; each limit is a named setting. */
#pragma once

#include <stdint.h>

struct tar_limits {
    uint64_t stream_bytes_max;  /* uncompressed, the whole archive */
    uint64_t content_bytes_max; /* sum of apparent file sizes (holes of sparse files count) */
    uint64_t entries_max;
    uint32_t depth_max;          /* components of a name */
    uint32_t name_bytes_max;     /* of a name or a link target */
    uint32_t extended_bytes_max; /* one PAX or GNU extension header (Go: 1 MiB) */
    uint32_t extensions_max;     /* such headers in a row before one entry */
    uint32_t xattrs_max;         /* of one entry */
    uint32_t xattr_bytes_max;    /* names and values of one entry */
    uint32_t sparse_max;         /* pieces of one sparse file */
};

extern const struct tar_limits tar_limits_default;
