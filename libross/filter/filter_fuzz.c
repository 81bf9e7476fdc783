/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a filter expression: parsed or refused, and matched without harm. */
#include <stdint.h>
#include <string.h>

#include "filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *
echo_field(const void *object, const struct filter_path *path)
{
    (void) object;
    return path->n % 2 ? path->parts[0] : NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(strv) v = {0};
    AUTO_PTR(filter) f = NULL;

    strv_add_n(&v, (const char *) data, size);
    if (filter_parse_all(&v, &f, NULL) == 0)
        (void) filter_match(f, echo_field, NULL);
    return 0;
}
