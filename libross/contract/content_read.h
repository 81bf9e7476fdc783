/* SPDX-License-Identifier: Apache-2.0 */
/* A whole small blob (manifest, config) out of a content store, verified. */
#pragma once

#include "content.h"
#include "libross/base/buf.h"
#include "libross/oci/oci_desc.h"

/*
 * Appends the blob that `desc` points at to `ret`, whose maximum bounds it (ResourceExhausted). DataLoss when its
 * size or digest is not what the descriptor says; NotFound when it is not there.
 */
int content_read_blob(struct content *c, const struct call_ctx *ctx, const struct oci_desc *desc,
                      struct buf *ret, struct err *err);
