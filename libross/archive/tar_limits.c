/* SPDX-License-Identifier: Apache-2.0 */
#include "tar_limits.h"

/* Far above any image in use, low enough that a hostile one ends before the machine does. */
const struct tar_limits tar_limits_default = {
    .stream_bytes_max = UINT64_C(256) << 30,
    .content_bytes_max = UINT64_C(1) << 40,
    .entries_max = 4000000,
    .depth_max = 1024,
    .name_bytes_max = 4096,
    .extended_bytes_max = 1 << 20,
    .extensions_max = 64,
    .xattrs_max = 1024,
    .xattr_bytes_max = 1 << 20,
    .sparse_max = 1 << 18,
};
