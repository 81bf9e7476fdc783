/* SPDX-License-Identifier: Apache-2.0 */
/* How much a layer may ask for, as settings of the service. */
#pragma once

#include "libross/archive/decompress.h"
#include "libross/archive/tar_limits.h"
#include "libross/config/options.h"

struct layer_limits {
    struct tar_limits tar;
    struct decompress_limits stream; /* 0 = default */
};

/* With the defaults. */
void layer_limits_init(struct layer_limits *l);

/* A row for every limit; offsets are those in struct layer_limits. */
extern const struct option_row layer_limits_rows[];
extern const size_t layer_limits_rows_n;
