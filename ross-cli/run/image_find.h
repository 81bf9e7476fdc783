/* SPDX-License-Identifier: Apache-2.0 */
/* The image that a person means: a reference, in short or whole, or the beginning of a digest or an id. */
#pragma once

#include "libross/contract/records.h"
#include "ross-cli/session/session.h"

/* NotFound with the hint to pull it; InvalidArgument for a malformed reference or an ambiguous digest. */
int image_find(struct session *s, const char *word, struct image *ret, struct err *err);
