/* SPDX-License-Identifier: Apache-2.0 */
/* When to ask a server again: as it says, else after growing pauses; never longer than a budget. */
#pragma once

#include "ross-cli/registry/http.h"

#define RETRY_ATTEMPTS_MAX 6
#define RETRY_FIRST_MS     200
#define RETRY_WAIT_MAX_MS  60000 /* default budget */

struct retry {
    int64_t left_ms;
    unsigned attempts; /* so far */
};

/*
 * The pause before the next attempt, in ms; -1 when there is none: attempts are used up, or the pause is not within the
 * budget. Pure.
 *   after_ms  what Retry-After said, -1 = nothing
 *   random    any number: spreads the clients
 */
int64_t retry_delay_ms(const struct retry *t, int64_t after_ms, uint32_t random);
/* Takes that pause: 1 to go on, 0 when it is enough, Canceled. */
int retry_wait(struct retry *t, struct http *h, int64_t after_ms, struct err *err);
