/* SPDX-License-Identifier: Apache-2.0 */
/* What an image record means on this machine: manifest, config, top layer. */
#pragma once

#include "libross/contract/content.h"
#include "libross/contract/records.h"
#include "libross/oci/oci_config.h"
#include "libross/oci/oci_manifest.h"

struct image_view {
    struct oci_desc
        manifest_desc; /* the one of the index that suits this machine, or the target itself */
    struct oci_manifest manifest;
    struct oci_config config;
    char *config_json;      /* as stored */
    struct digest chain_id; /* of all layers */
    int64_t size_bytes;     /* manifest, config and layers as stored */
};
void image_view_done(struct image_view *v);

/*
 * want   NULL = this machine
 * NotFound when the index has nothing for the platform, when the image has no index and is for another one than was
 * asked for, or when a blob is missing (the image was pulled for another platform).
 */
int image_open(struct content *content, const struct call_ctx *ctx, const struct image *image,
               const struct oci_platform *want, struct image_view *ret, struct err *err);
