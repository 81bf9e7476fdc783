/* SPDX-License-Identifier: Apache-2.0 */
/* The first line is the user, what follows both files. */
#include "libross/oci/passwd_lookup.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    size_t n = end ? (size_t) (end - data) : size;
    auto_free char *spec = xstrndup(size ? (const char *) data : "", n);
    AUTO(passwd_user) u = {0};
    AUTO(strv) more = {0};
    struct err err = {0};

    strv_add(&more, "44");
    if (passwd_lookup(spec, data + n, size - n, data + n, size - n, &more, &u, &err) == 0 &&
        !u.home)
        abort();
    return 0;
}
