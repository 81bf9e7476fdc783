/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "runc_options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte chooses the kind. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = {"containerd.runc.v1.Options", "runtimeoptions.v1.Options"};
    AUTO(runc_options) o = {0};

    if (size < 1)
        return 0;
    if (data[0] % 4 < 2)
        (void) runc_options_from_any(types[data[0] % 2], data + 1, size - 1, &o, NULL);
    else if (data[0] % 4 == 2)
        (void) runc_options_from_bytes(data + 1, size - 1, &o, NULL);
    else
        (void) runc_options_parse(data + 1, size - 1, &o, NULL);
    return 0;
}
