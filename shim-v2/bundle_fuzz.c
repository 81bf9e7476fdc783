/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bundle_spec spec = {0};

    if (bundle_spec_parse("/b", data, size, &spec, NULL) == 0)
        bundle_spec_done(&spec);
    return 0;
}
