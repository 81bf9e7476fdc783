/* SPDX-License-Identifier: Apache-2.0 */
/* Digests as text and saved hash states: what is taken comes back unchanged, anything else is refused. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "libross/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *text = xstrndup((const char *) data, size);
    AUTO_PTR(hasher) h = NULL;
    char shown[DIGEST_STR_MAX];
    struct digest d;

    if (digest_parse(text, &d, NULL) == 0) {
        assert(digest_is_set(&d));
        assert(strcmp(digest_format(&d, shown), text) == 0);
    }
    if (hasher_load(data, size, &h, NULL) == 0) {
        unsigned char saved[HASHER_STATE_MAX];

        hasher_update(h, "x", 1);
        hasher_peek(h, &d);
        assert(hasher_save(h, saved) <= HASHER_STATE_MAX);
    }
    return 0;
}
