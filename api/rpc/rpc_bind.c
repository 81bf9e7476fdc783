/* SPDX-License-Identifier: Apache-2.0 */
/* From the names on the wire to the row of a service table. */
#include "rpc_bind.h"

#include <string.h>

static const ProtobufCMethodDescriptor *
method_find(const ProtobufCServiceDescriptor *desc, const char *name, size_t len)
{
    for (unsigned i = 0; i < desc->n_methods; i++)
        if (strlen(desc->methods[i].name) == len && !memcmp(desc->methods[i].name, name, len))
            return &desc->methods[i];
    return NULL;
}

int
rpc_service_check(const struct rpc_service *svc, struct err *err)
{
    const struct rpc_method *row;

    for (size_t i = 0; i < svc->n_methods; i++) {
        row = &svc->methods[i];
        if (!method_find(svc->desc, row->name, strlen(row->name)))
            return err_set(err, CODE_INTERNAL, "%s has no method %s", svc->desc->name, row->name);
        if (!row->handler)
            return err_set(err, CODE_INTERNAL, "%s/%s has no handler", svc->desc->name, row->name);
        for (size_t k = 0; k < i; k++)
            if (!strcmp(svc->methods[k].name, row->name))
                return err_set(err, CODE_INTERNAL, "%s/%s has two rows", svc->desc->name,
                               row->name);
    }
    return 0;
}

int
rpc_services_check(const struct rpc_service *services, size_t n, struct err *err)
{
    int r;

    for (size_t i = 0; i < n; i++) {
        r = rpc_service_check(&services[i], err);
        if (r < 0)
            return r;
        for (size_t k = 0; k < i; k++)
            if (!strcmp(services[k].desc->name, services[i].desc->name))
                return err_set(err, CODE_INTERNAL, "service %s is given twice",
                               services[i].desc->name);
    }
    return 0;
}

int
rpc_route_find(const struct rpc_service *services, size_t n, const char *service,
               size_t service_len, const char *method, size_t method_len, struct rpc_route *ret,
               struct err *err)
{
    const ProtobufCMethodDescriptor *desc;
    const struct rpc_service *svc = NULL;

    for (size_t i = 0; i < n && !svc; i++)
        if (strlen(services[i].desc->name) == service_len &&
            !memcmp(services[i].desc->name, service, service_len))
            svc = &services[i];
    if (!svc)
        return err_set(err, CODE_UNIMPLEMENTED, "unknown service %.*s",
                       (int) (service_len < 200 ? service_len : 200), service);
    desc = method_find(svc->desc, method, method_len);
    for (size_t i = 0; desc && i < svc->n_methods; i++)
        if (!strcmp(svc->methods[i].name, desc->name)) {
            *ret = (struct rpc_route){.svc = svc, .method = desc, .row = &svc->methods[i]};
            return 0;
        }
    return err_set(err, CODE_UNIMPLEMENTED, "unknown method %.*s for service %s",
                   (int) (method_len < 100 ? method_len : 100), method, svc->desc->name);
}
