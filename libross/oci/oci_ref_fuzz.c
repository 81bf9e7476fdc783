/* SPDX-License-Identifier: Apache-2.0 */
/* Any text: what parses is stable under formatting, in full and in the short form. */
#include "libross/oci/oci_ref.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_same(const char *text, const char *full)
{
    AUTO(oci_ref) ref = {0};
    auto_free char *again = NULL;

    if (oci_ref_parse(text, &ref, NULL) < 0)
        abort();
    again = oci_ref_format(&ref);
    if (strcmp(again, full) != 0)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *text = xmalloc(size + 1), *full = NULL, *familiar = NULL;
    AUTO(oci_ref) ref = {0};

    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    if (oci_ref_parse(text, &ref, NULL) < 0)
        return 0;
    full = oci_ref_format(&ref);
    familiar = oci_ref_familiar(&ref);
    check_same(full, full);
    check_same(familiar, full);
    return 0;
}
