/* SPDX-License-Identifier: Apache-2.0 */
/* Restart policies: when a container that has ended is started again. Pure. */
#pragma once

#include <stdbool.h>

#include "container_dir.h"
#include "libross/contract/records.h"

#define RESTART_DELAY_MIN_NS INT64_C(100000000)   /* 0.1 s, doubled with each end in a row */
#define RESTART_DELAY_MAX_NS INT64_C(60000000000) /* 1 min */
#define RESTART_CALM_NS      INT64_C(10000000000) /* 10 s of life, and the row begins anew */

struct restart_policy {
    enum { RESTART_NO, RESTART_ON_FAILURE, RESTART_ALWAYS, RESTART_UNLESS_STOPPED } kind;
    uint32_t max; /* starts in a row after failures; 0 = no limit */
};

/* "no", "on-failure", "on-failure:N", "always", "unless-stopped"; InvalidArgument. */
int restart_policy_parse(const char *text, struct restart_policy *ret, struct err *err);
const char *restart_policy_name(const struct restart_policy *p);
/* Of its label. */
struct restart_policy container_restart_policy(const struct container *c);

/* It has just ended, as `note` says: is it to be started again? */
bool restart_after_exit(const struct restart_policy *p, const struct container_state *note);
/* The machine was restarted, or its shim lost: is it to be started again? */
bool restart_after_boot(const struct restart_policy *p, const struct container_state *note);
/* How long to wait before the next start; row: starts since it last ran calmly. */
int64_t restart_delay_ns(uint32_t row);
