/* SPDX-License-Identifier: Apache-2.0 */
/* How much a layer may ask for, as settings of the service. */
#include "layer_limits.h"

#include <stddef.h>

#include "libross/base/parse.h"

#define ZSTD_WINDOW_LOG_LIMIT 31 /* zstd itself takes no more */

void
layer_limits_init(struct layer_limits *l)
{
    *l = (struct layer_limits){.tar = tar_limits_default};
}

static int
parse_limit(const char *value, uint64_t at_most, uint64_t *ret, struct err *err)
{
    int64_t v;
    int r;

    r = parse_size(value, &v, err);
    if (r < 0)
        return r;
    if (v < 1 || (uint64_t) v > at_most)
        return err_set(err, CODE_INVALID_ARGUMENT, "a limit of %lld is not between 1 and %llu",
                       (long long) v, (unsigned long long) at_most);
    *ret = (uint64_t) v;
    return 0;
}

static int
parse_u64_limit(const char *value, void *into, struct err *err)
{
    return parse_limit(value, INT64_MAX, into, err);
}

static int
parse_u32_limit(const char *value, void *into, struct err *err)
{
    uint64_t v;
    int r;

    r = parse_limit(value, UINT32_MAX, &v, err);
    if (r == 0)
        *(uint32_t *) into = (uint32_t) v;
    return r;
}

static int
parse_window(const char *value, void *into, struct err *err)
{
    uint64_t v;
    int r;

    r = parse_limit(value, ZSTD_WINDOW_LOG_LIMIT, &v, err);
    if (r == 0)
        *(uint32_t *) into = (uint32_t) v;
    return r;
}

/* What comes out of the decompressor, and what the archive is made of: the same bytes. */
static int
parse_stream(const char *value, void *into, struct err *err)
{
    struct layer_limits *l = into;
    uint64_t v;
    int r;

    r = parse_limit(value, INT64_MAX, &v, err);
    if (r == 0)
        l->tar.stream_bytes_max = l->stream.output_bytes_max = v;
    return r;
}

#define ROW(n, o, a, fn, h)                                                                        \
    {                                                                                              \
        .name = (n), .type = OPTION_CALL, .offset = (o), .arg = (a), .parse = (fn), .help = (h)    \
    }
#define AT(field) offsetof(struct layer_limits, field)

const struct option_row layer_limits_rows[] = {
    ROW("layer-size-max", 0, "SIZE", parse_stream,
        "Refuse layers of more than SIZE, uncompressed (default 256GiB)."),
    ROW("layer-content-max", AT(tar.content_bytes_max), "SIZE", parse_u64_limit,
        "Refuse layers whose files are larger than SIZE together, holes counted (default 1TiB)."),
    ROW("layer-entries-max", AT(tar.entries_max), "N", parse_u64_limit,
        "Refuse layers of more than N entries (default 4000000)."),
    ROW("layer-depth-max", AT(tar.depth_max), "N", parse_u32_limit,
        "Refuse layers with names of more than N components (default 1024)."),
    ROW("layer-name-max", AT(tar.name_bytes_max), "N", parse_u32_limit,
        "Refuse layers with names or link targets of more than N bytes (default 4096)."),
    ROW("layer-extension-max", AT(tar.extended_bytes_max), "SIZE", parse_u32_limit,
        "Refuse layers with a PAX or GNU extension header of more than SIZE (default 1MiB)."),
    ROW("layer-extensions-max", AT(tar.extensions_max), "N", parse_u32_limit,
        "Refuse layers with more than N such headers before one entry (default 64)."),
    ROW("layer-xattrs-max", AT(tar.xattrs_max), "N", parse_u32_limit,
        "Refuse layers with more than N extended attributes of one entry (default 1024)."),
    ROW("layer-xattr-size-max", AT(tar.xattr_bytes_max), "SIZE", parse_u32_limit,
        "Refuse layers with more than SIZE of them, names and values (default 1MiB)."),
    ROW("layer-sparse-max", AT(tar.sparse_max), "N", parse_u32_limit,
        "Refuse layers with a sparse file of more than N pieces (default 262144)."),
    ROW("layer-ratio-max", AT(stream.ratio_max), "N", parse_u64_limit,
        "Refuse layers that become more than N times as large (default 1200)."),
    ROW("layer-ratio-floor", AT(stream.ratio_floor_bytes), "SIZE", parse_u64_limit,
        "Do not ask for that ratio below SIZE, uncompressed (default 1GiB)."),
    ROW("layer-zstd-window-max", AT(stream.zstd_window_log_max), "N", parse_window,
        "Refuse zstd layers with a window of more than 2^N bytes (default 27)."),
};
const size_t layer_limits_rows_n = ARRAY_LEN(layer_limits_rows);
