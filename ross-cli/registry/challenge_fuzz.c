/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdint.h>

#include "libross/base/mem.h"
#include "ross-cli/registry/challenge.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    auto_free char *value = xstrndup((const char *) p, n);
    struct challenge c = {0};

    if (challenge_parse(value, &c, NULL) == 0)
        challenge_done(&c);
    return 0;
}
