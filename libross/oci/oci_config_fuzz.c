/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: a config that parses can be written and reads back as the same bytes. */
#include "libross/oci/oci_config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *once = NULL, *twice = NULL;
    AUTO(oci_config) a = {0};
    AUTO(oci_config) b = {0};
    struct err err = {0};
    size_t n;

    if (oci_config_parse(data, size, &a, &err) < 0)
        return 0;
    once = oci_config_format(&a, &n);
    if (oci_config_parse(once, n, &b, &err) < 0)
        abort();
    twice = oci_config_format(&b, NULL);
    if (strcmp(once, twice) != 0)
        abort();
    return 0;
}
