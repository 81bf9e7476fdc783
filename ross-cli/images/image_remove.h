/* SPDX-License-Identifier: Apache-2.0 */
/* An image loses a name, and what nothing else needs goes with the last one. */
#pragma once

#include "libross/contract/records.h"
#include "ross-cli/session/session.h"

/*
 * Deletes the record, and tells of it: "untag", and "delete" when no other record has the target. NotFound.
 *   sync   what nobody needs any more is gone when it returns; else a collection will find it
 */
int image_remove(struct session *s, const struct image *image, bool sync, struct err *err);
/* The same for one who knows already whether it is the last name of its target. */
int image_untag(struct session *s, const struct image *image, bool last, bool sync,
                struct err *err);
