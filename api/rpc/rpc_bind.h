/* SPDX-License-Identifier: Apache-2.0 */
/* From the names on the wire to the row of a service table. */
#pragma once

#include "api/rpc/rpc.h"

struct rpc_route {
    const struct rpc_service *svc;
    const ProtobufCMethodDescriptor *method;
    const struct rpc_method *row;
};

/* Names need no NUL. Unimplemented when there is no such service, method or row. */
int rpc_route_find(const struct rpc_service *services, size_t n, const char *service,
                   size_t service_len, const char *method, size_t method_len, struct rpc_route *ret,
                   struct err *err);

/* Checks every service; also that none appears twice. */
int rpc_services_check(const struct rpc_service *services, size_t n, struct err *err);
