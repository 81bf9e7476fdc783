/* SPDX-License-Identifier: Apache-2.0 */
/* The in-process transport, for tests: every message is packed and unpacked as on a wire. */
#pragma once

#include "api/rpc/rpc.h"

/* A channel to these services; borrowed, they must outlive it. Streaming handlers run on a thread of their own. */
int rpc_loopback_channel(const struct rpc_service *services, size_t n, struct rpc_channel **ret,
                         struct err *err);
