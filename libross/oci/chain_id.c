/* SPDX-License-Identifier: Apache-2.0 */
/* Names of layer stacks. */
#include "libross/oci/chain_id.h"

#include <stdio.h>

void
chain_id_next(const struct digest *parent, const struct digest *diff_id, struct digest *ret)
{
    char above[DIGEST_STR_MAX], layer[DIGEST_STR_MAX], text[2 * DIGEST_STR_MAX];
    int n;

    if (!digest_is_set(parent)) {
        *ret = *diff_id;
        return;
    }
    n = snprintf(text, sizeof text, "%s %s", digest_format(parent, above),
                 digest_format(diff_id, layer));
    digest_compute(DIGEST_SHA256, text, (size_t) n, ret);
}

void
chain_id_compute(const struct digest *diff_ids, size_t n, struct digest *ret)
{
    struct digest top = {0};

    for (size_t i = 0; i < n; i++) {
        chain_id_next(&top, &diff_ids[i], &top);
        ret[i] = top;
    }
}
