/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: either a tree that can be walked, or InvalidArgument with a line. */
#include "libross/config/toml.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
walk(const struct toml *v)
{
    for (size_t i = 0; i < toml_len(v); i++) {
        if (toml_type(v) == TOML_TABLE && toml_find(v, toml_key(toml_at(v, i))) != toml_at(v, i))
            abort();
        walk(toml_at(v, i));
    }
    if (toml_type(v) == TOML_STR && !toml_str(v))
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_PTR(toml) doc = NULL;
    struct err err = {0};
    int r;

    r = toml_parse(data, size, &doc, &err);
    if (r < 0 && (r != -CODE_INVALID_ARGUMENT || err.code != CODE_INVALID_ARGUMENT))
        abort();
    if (r == 0)
        walk(doc);
    return 0;
}
