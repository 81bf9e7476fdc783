/* SPDX-License-Identifier: Apache-2.0 */
/* Field masks of the metadata services' Update methods (reference section 11). */
#pragma once

#include "libross/base/labels.h"
#include "libross/base/strv.h"

/* "labels.KEY" for the map `labels`: KEY, which may hold dots; else NULL. */
const char *field_mask_key(const char *path, const char *map);
/* Copies one key of a map, or deletes it when `from` has none. */
void field_mask_copy_key(struct labels *to, const struct labels *from, const char *key);
/* Copies the whole map. */
void field_mask_copy_map(struct labels *to, const struct labels *from);
/* InvalidArgument: this path cannot be changed. */
int field_mask_refuse(const char *path, const char *what, struct err *err);
