/* SPDX-License-Identifier: Apache-2.0 */
/* The one line about a call that failed. */
#include "rpc_log.h"

#include "libross/base/log.h"

void
rpc_log_failure(const char *method, const struct err *err, int64_t took_ns)
{
    if (err->code == CODE_NOT_FOUND || err->code == CODE_ALREADY_EXISTS ||
        err->code == CODE_CANCELED)
        log_debug("call failed", KV_STR("method", method), KV_ERR(err), KV_MS("took", took_ns));
    else
        log_info("call failed", KV_STR("method", method), KV_ERR(err), KV_MS("took", took_ns));
}
