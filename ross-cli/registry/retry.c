/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/registry/retry.h"

#include "libross/base/log.h"
#include "libross/base/random.h"

int64_t
retry_delay_ms(const struct retry *t, int64_t after_ms, uint32_t random)
{
    int64_t delay;

    if (t->attempts >= RETRY_ATTEMPTS_MAX)
        return -1;
    if (after_ms >= 0) {
        delay = after_ms;
    } else {
        delay = (int64_t) RETRY_FIRST_MS << t->attempts;
        delay = delay / 2 + random % (uint32_t) delay;
    }
    return delay > t->left_ms ? -1 : delay;
}

int
retry_wait(struct retry *t, struct http *h, int64_t after_ms, struct err *err)
{
    int64_t delay = retry_delay_ms(t, after_ms, random_u32());
    int r;

    if (delay < 0)
        return 0;
    log_trace("registry", "asking again", KV_INT("pause_ms", delay));
    r = http_wait(h, delay, err);
    if (r < 0)
        return r;
    t->left_ms -= delay;
    t->attempts++;
    return 1;
}
