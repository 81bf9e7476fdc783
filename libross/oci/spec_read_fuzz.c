/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: a result or InvalidArgument. */
#include "libross/oci/spec_read.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(spec_read) s = {0};
    struct err err = {0};
    int r = spec_read(data, size, &s, &err);

    if (r < 0 && (r != -CODE_INVALID_ARGUMENT || err.code != CODE_INVALID_ARGUMENT))
        abort();
    return 0;
}
