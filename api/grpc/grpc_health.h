/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.health.v1: what runs here is healthy. */
#pragma once

#include "api/rpc/rpc.h"

struct grpc_health {
    const struct rpc_service *services; /* borrowed */
    size_t n;
    /* Blocks until the call is cancelled or the server stops. */
    void (*wait)(struct rpc_call *call);
};

struct rpc_service grpc_health_service(const struct grpc_health *h);
