/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.health.v1: what runs here is healthy. */
#include "grpc_health.h"

#include <string.h>

#include "grpc/health/v1/health.pb-c.h"

#define SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define UNKNOWN GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN

static bool
known(const struct grpc_health *h, const char *service)
{
    for (size_t i = 0; i < h->n; i++)
        if (!strcmp(h->services[i].desc->name, service))
            return true;
    return !service[0];
}

static int
health_check(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const Grpc__Health__V1__HealthCheckRequest *req = request;
    Grpc__Health__V1__HealthCheckResponse *res = reply;

    (void) call;
    if (!known(impl, req->service))
        return err_set(err, CODE_NOT_FOUND, "unknown service %s", req->service);
    res->status = SERVING;
    return 0;
}

static int
health_list(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    static const Grpc__Health__V1__HealthListResponse__StatusesEntry none =
        GRPC__HEALTH__V1__HEALTH_LIST_RESPONSE__STATUSES_ENTRY__INIT;
    const struct grpc_health *h = impl;
    Grpc__Health__V1__HealthListResponse__StatusesEntry *entry;
    Grpc__Health__V1__HealthListResponse *res = reply;
    struct arena *arena = rpc_call_arena(call);
    Grpc__Health__V1__HealthCheckResponse *serving;

    (void) request;
    (void) err;
    serving = arena_alloc(arena, sizeof *serving);
    grpc__health__v1__health_check_response__init(serving);
    serving->status = SERVING;
    res->statuses = arena_alloc(arena, (h->n + 1) * sizeof *res->statuses);
    for (size_t i = 0; i <= h->n; i++) {
        entry = arena_memdup(arena, &none, sizeof none);
        entry->key = i < h->n ? (char *) h->services[i].desc->name : (char *) "";
        entry->value = serving;
        res->statuses[res->n_statuses++] = entry;
    }
    return 0;
}

/* What is known never changes here: one answer, then silence until the client leaves. */
static int
health_watch(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    Grpc__Health__V1__HealthCheckResponse res = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    const Grpc__Health__V1__HealthCheckRequest *req = request;
    const struct grpc_health *h = impl;
    int r;

    (void) reply;
    res.status = known(h, req->service) ? SERVING : UNKNOWN;
    r = rpc_send(call, &res, err);
    if (r < 0)
        return r;
    h->wait(call);
    if (rpc_call_cancelled(call))
        return err_set(err, CODE_CANCELED, "the client is gone");
    return err_set(err, CODE_UNAVAILABLE, "the server stops");
}

struct rpc_service
grpc_health_service(const struct grpc_health *h)
{
    static const struct rpc_method rows[] = {
        {"Check", RPC_UNARY, health_check},
        {"List", RPC_UNARY, health_list},
        {"Watch", RPC_SERVER_STREAM, health_watch},
    };

    return (struct rpc_service){.desc = &grpc__health__v1__health__descriptor,
                                .methods = rows,
                                .n_methods = ARRAY_LEN(rows),
                                .impl = (void *) h};
}
