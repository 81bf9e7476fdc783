/* SPDX-License-Identifier: Apache-2.0 */
/* What travels with every call beside its arguments. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Borrowed for the call; {0} is fine: no namespace, no lease, no deadline, never cancelled. */
struct call_ctx {
    const char *ns;               /* containerd namespace, NULL when the caller sent none */
    const char *lease;            /* lease id, NULL when none */
    int64_t deadline_ns;          /* clock_mono_ns() point, 0 = none */
    const atomic_bool *cancelled; /* set when the caller is gone; NULL = never */
};

static inline bool
call_ctx_cancelled(const struct call_ctx *ctx)
{
    return ctx && ctx->cancelled && atomic_load_explicit(ctx->cancelled, memory_order_relaxed);
}
