/* SPDX-License-Identifier: Apache-2.0 */
/* Removing images that nobody needs, or saying which those are. */
#pragma once

#include "ross-cli/images/image_set.h"
#include "ross-cli/images/prune_filter.h"

struct image_prune {
    bool volumes; /* of a whole prune: also volumes without a name that no container has */
    bool all;     /* also those with a name, when no container was made of them */
    struct prune_filter filter;
};

/*
 * Pure. Why image i goes: a constant text. NULL when it stays; `stays` (may be NULL) then says why.
 */
const char *image_prune_reason(const struct image_set *s, size_t i, const struct image_prune *opt,
                               const char **stays);

/* The records with gone[i]; the last removal also collects what they held. Those that are gone already are fine. */
int image_prune_remove(struct session *s, const struct image_set *set, const bool *gone,
                       struct err *err);
