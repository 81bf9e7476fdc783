/* SPDX-License-Identifier: Apache-2.0 */
/* The Leases service. */
#include "lease_service.h"

#include "api/wire/wire_records.h"
#include "contentd/store/ident.h"
#include "lease_store.h"
#include "services/leases/v1/leases.pb-c.h"

typedef Containerd__Services__Leases__V1__AddResourceRequest AddResourceRequest;
typedef Containerd__Services__Leases__V1__CreateRequest CreateRequest;
typedef Containerd__Services__Leases__V1__CreateResponse CreateResponse;
typedef Containerd__Services__Leases__V1__DeleteRequest DeleteRequest;
typedef Containerd__Services__Leases__V1__DeleteResourceRequest DeleteResourceRequest;
typedef Containerd__Services__Leases__V1__Lease Lease;
typedef Containerd__Services__Leases__V1__ListRequest ListRequest;
typedef Containerd__Services__Leases__V1__ListResponse ListResponse;
typedef Containerd__Services__Leases__V1__ListResourcesRequest ListResourcesRequest;
typedef Containerd__Services__Leases__V1__ListResourcesResponse ListResourcesResponse;
typedef Containerd__Services__Leases__V1__Resource Resource;

static int
on_create(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const struct lease_service *s = impl;
    const CreateRequest *rq = request;
    CreateResponse *rp = reply;
    AUTO(labels) labels = {0};
    AUTO(lease) l = {0};
    const char *ns;
    int r;

    r = ident_ns(rpc_call_ctx(call), &ns, err);
    if (r == 0)
        r = wire_labels_from(rq->labels, rq->n_labels, &labels, err);
    if (r == 0)
        r = lease_store_create(s->db, ns, wire_str(rq->id), &labels, &l, err);
    if (r == 0)
        rp->lease = wire_lease_to(rpc_call_arena(call), &l);
    return r;
}

static int
on_delete(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const struct lease_service *s = impl;
    const DeleteRequest *rq = request;
    const char *ns;
    int r;

    (void) reply;
    r = ident_ns(rpc_call_ctx(call), &ns, err);
    if (r == 0)
        r = lease_store_delete(s->db, ns, wire_str(rq->id), err);
    return r < 0 ? r : gc_hook_deleted(s->gc, rq->sync, err);
}

static int
add_lease(const struct lease *lease, void *arg)
{
    struct wire_list *l = arg;

    wire_list_add(l, wire_lease_to(l->arena, lease));
    return 0;
}

static int
on_list(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const struct lease_service *s = impl;
    const ListRequest *rq = request;
    ListResponse *rp = reply;
    struct wire_list l = {.arena = rpc_call_arena(call)};
    AUTO(strv) filters = wire_strv_from(rq->filters, rq->n_filters);
    const char *ns;
    int r;

    r = ident_ns(rpc_call_ctx(call), &ns, err);
    if (r == 0)
        r = lease_store_list(s->db, ns, &filters, add_lease, &l, err);
    rp->leases = l.items;
    rp->n_leases = l.n;
    return r;
}

static int
resource_from(const Resource *m, struct lease_resource *ret, struct err *err)
{
    if (!m)
        return err_set(err, CODE_INVALID_ARGUMENT, "resource is missing");
    *ret =
        (struct lease_resource){.id = (char *) wire_str(m->id), .type = (char *) wire_str(m->type)};
    return 0;
}

static int
on_add_resource(struct rpc_call *call, void *impl, const void *request, void *reply,
                struct err *err)
{
    const struct lease_service *s = impl;
    const AddResourceRequest *rq = request;
    struct lease_resource res;
    const char *ns;
    int r;

    (void) reply;
    r = ident_ns(rpc_call_ctx(call), &ns, err);
    if (r == 0)
        r = resource_from(rq->resource, &res, err);
    return r < 0 ? r : lease_store_add_resource(s->db, ns, wire_str(rq->id), &res, err);
}

static int
on_delete_resource(struct rpc_call *call, void *impl, const void *request, void *reply,
                   struct err *err)
{
    const struct lease_service *s = impl;
    const DeleteResourceRequest *rq = request;
    struct lease_resource res;
    const char *ns;
    int r;

    (void) reply;
    r = ident_ns(rpc_call_ctx(call), &ns, err);
    if (r == 0)
        r = resource_from(rq->resource, &res, err);
    if (r == 0)
        r = lease_store_delete_resource(s->db, ns, wire_str(rq->id), &res, err);
    return r < 0 ? r : gc_hook_deleted(s->gc, false, err);
}

static int
add_resource(const struct lease_resource *res, void *arg, struct err *err)
{
    struct wire_list *l = arg;
    Resource *m = wire_new(l->arena, &containerd__services__leases__v1__resource__descriptor);

    (void) err;
    m->id = wire_str_to(l->arena, res->id);
    m->type = wire_str_to(l->arena, res->type);
    wire_list_add(l, m);
    return 0;
}

static int
on_list_resources(struct rpc_call *call, void *impl, const void *request, void *reply,
                  struct err *err)
{
    const struct lease_service *s = impl;
    const ListResourcesRequest *rq = request;
    ListResourcesResponse *rp = reply;
    struct wire_list l = {.arena = rpc_call_arena(call)};
    const char *ns;
    int r;

    r = ident_ns(rpc_call_ctx(call), &ns, err);
    if (r == 0)
        r = lease_store_list_resources(s->db, ns, wire_str(rq->id), add_resource, &l, err);
    rp->resources = l.items;
    rp->n_resources = l.n;
    return r;
}

static const struct rpc_method methods[] = {
    {"Create", RPC_UNARY, on_create},
    {"Delete", RPC_UNARY, on_delete},
    {"List", RPC_UNARY, on_list},
    {"AddResource", RPC_UNARY, on_add_resource},
    {"DeleteResource", RPC_UNARY, on_delete_resource},
    {"ListResources", RPC_UNARY, on_list_resources},
};

struct rpc_service
lease_service(struct lease_service *s)
{
    return (struct rpc_service){.desc = &containerd__services__leases__v1__leases__descriptor,
                                .methods = methods,
                                .n_methods = ARRAY_LEN(methods),
                                .impl = s};
}
