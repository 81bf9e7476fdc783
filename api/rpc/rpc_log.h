/* SPDX-License-Identifier: Apache-2.0 */
/* The one line about a call that failed; servers write it, nobody else. */
#pragma once

#include "api/rpc/rpc_bind.h"

/* `method` is "package.Service/Method". Everyday answers (NotFound, AlreadyExists, Canceled) are debug, others info. */
void rpc_log_failure(const char *method, const struct err *err, int64_t took_ns);
