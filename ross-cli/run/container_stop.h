/* SPDX-License-Identifier: Apache-2.0 */
/* Signals for a container, and its orderly end. */
#pragma once

#include "libross/contract/records.h"
#include "ross-cli/session/session.h"

/* FailedPrecondition when it does not run. */
int container_kill(const struct session *s, const struct container *c, int signo, struct err *err);

/*
 * Its stop signal, then SIGKILL when it has not ended in time; one that does not run is fine.
 *   signo      0 = its own
 *   timeout_s  -1 = its own
 */
int container_stop(struct session *s, const struct container *c, int signo, int64_t timeout_s,
                   struct err *err);

/* The shim's channel of a running or paused container; FailedPrecondition in any other state. */
int container_connect(const struct session *s, const struct container *c, struct rpc_channel **ret,
                      char **ret_address, struct err *err);
