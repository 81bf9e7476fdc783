/* SPDX-License-Identifier: Apache-2.0 */
/* Calls rpc services over gRPC (C core). */
#pragma once

#include "api/rpc/rpc.h"

/*
 * address: socket path, "unix://PATH" or "unix:PATH". Lazy: connects with the first call. Thread safe: calls of several
 * threads run side by side.
 */
int grpc_channel_open(const char *address, struct rpc_channel **ret, struct err *err);
