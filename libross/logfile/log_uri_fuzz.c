/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "libross/base/mem.h"
#include "libross/logfile/log_uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *s = xstrndup((const char *) data, size);
    struct log_uri u = {0};

    if (log_uri_parse(s, &u, NULL) == 0)
        log_uri_done(&u);
    return 0;
}
