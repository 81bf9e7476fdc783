/* SPDX-License-Identifier: Apache-2.0 */
/* Any answer of a plugin: parsed or refused, and a message of one line. */
#include "cni_result.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(cni_result) res = {0};
    AUTO_PTR(json) o = NULL;
    struct err err = {0};

    if (json_parse(data, size, &o, NULL) < 0)
        return 0;
    if (cni_result_parse(o, "eth0", &res, &err) == 0 && (res.has_v4 && res.v4.prefix > 32))
        abort();
    if (cni_error_parse(o, &err) >= 0 || strchr(err.msg, '\n'))
        abort();
    return 0;
}
