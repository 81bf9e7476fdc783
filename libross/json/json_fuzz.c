/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: what parses can be written and parses again to the same text. */
#include "libross/json/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *once = NULL, *twice = NULL;
    AUTO_PTR(json) a = NULL;
    AUTO_PTR(json) b = NULL;
    struct err err = {0};
    size_t n;

    if (json_parse(data, size, &a, &err) < 0)
        return 0;
    once = json_dump(a, &n);
    if (json_parse(once, n, &b, &err) < 0)
        abort();
    twice = json_dump(b, NULL);
    if (strcmp(once, twice) != 0)
        abort();
    return 0;
}
