/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as index and as manifest: what parses can be written and reads back as the same bytes. */
#include "libross/oci/oci_manifest.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libross/oci/platform.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_index(const uint8_t *data, size_t size)
{
    struct oci_platform want = {.os = (char *) "linux", .architecture = (char *) "arm64"};
    auto_free char *once = NULL, *twice = NULL;
    AUTO(oci_index) a = {0};
    AUTO(oci_index) b = {0};
    struct err err = {0};
    size_t n;

    if (oci_index_parse(data, size, NULL, &a, &err) < 0)
        return;
    (void) oci_index_choose(&a, &want);
    once = oci_index_format(&a, &n);
    if (oci_index_parse(once, n, a.media_type, &b, &err) < 0)
        abort();
    twice = oci_index_format(&b, NULL);
    if (strcmp(once, twice) != 0)
        abort();
}

static void
try_manifest(const uint8_t *data, size_t size)
{
    auto_free char *once = NULL, *twice = NULL;
    AUTO(oci_manifest) a = {0};
    AUTO(oci_manifest) b = {0};
    struct err err = {0};
    size_t n;

    if (oci_manifest_parse(data, size, NULL, &a, &err) < 0)
        return;
    once = oci_manifest_format(&a, &n);
    if (oci_manifest_parse(once, n, a.media_type, &b, &err) < 0)
        abort();
    twice = oci_manifest_format(&b, NULL);
    if (strcmp(once, twice) != 0)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_index(data, size);
    try_manifest(data, size);
    return 0;
}
