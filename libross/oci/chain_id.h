/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "libross/oci/digest.h"

/*
 * Names of the layer stacks of an image (image-spec config.md, "Layer ChainID").
 *
 *   diff_ids  n digests of the uncompressed layers, base first
 *   ret       room for n digests; ret[i] names layers 0..i together
 *
 * Pure: touches only `ret`, cannot fail. `ret` may be `diff_ids`.
 */
void chain_id_compute(const struct digest *diff_ids, size_t n, struct digest *ret);
/* One step: the name of `parent` (unset for the base) with one more layer on top. */
void chain_id_next(const struct digest *parent, const struct digest *diff_id, struct digest *ret);
