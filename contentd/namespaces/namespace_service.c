/* SPDX-License-Identifier: Apache-2.0 */
/* The Namespaces service. */
#include "namespace_service.h"

#include "api/wire/wire_records.h"
#include "contentd/store/ident.h"
#include "namespace_store.h"
#include "services/namespaces/v1/namespace.pb-c.h"

typedef Containerd__Services__Namespaces__V1__CreateNamespaceRequest CreateRequest;
typedef Containerd__Services__Namespaces__V1__CreateNamespaceResponse CreateResponse;
typedef Containerd__Services__Namespaces__V1__DeleteNamespaceRequest DeleteRequest;
typedef Containerd__Services__Namespaces__V1__GetNamespaceRequest GetRequest;
typedef Containerd__Services__Namespaces__V1__GetNamespaceResponse GetResponse;
typedef Containerd__Services__Namespaces__V1__ListNamespacesResponse ListResponse;
typedef Containerd__Services__Namespaces__V1__UpdateNamespaceRequest UpdateRequest;
typedef Containerd__Services__Namespaces__V1__UpdateNamespaceResponse UpdateResponse;

static int
on_get(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const GetRequest *rq = request;
    GetResponse *rp = reply;
    AUTO(namespace_) n = {0};
    int r = namespace_store_get(impl, wire_str(rq->name), &n, err);

    if (r == 0)
        rp->namespace_ = wire_namespace_to(rpc_call_arena(call), &n);
    return r;
}

static int
list_add(const struct namespace_ *n, void *arg)
{
    struct wire_list *l = arg;

    wire_list_add(l, wire_namespace_to(l->arena, n));
    return 0;
}

static int
on_list(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    ListResponse *rp = reply;
    struct wire_list l = {.arena = rpc_call_arena(call)};
    int r = namespace_store_list(impl, list_add, &l, err);

    (void) request;
    rp->namespaces = l.items;
    rp->n_namespaces = l.n;
    return r;
}

static int
on_create(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const CreateRequest *rq = request;
    CreateResponse *rp = reply;
    AUTO(namespace_) n = {0};
    int r = wire_namespace_from(rq->namespace_, &n, err);

    if (r == 0)
        r = namespace_store_create(impl, &n, err);
    if (r == 0)
        rp->namespace_ = wire_namespace_to(rpc_call_arena(call), &n);
    return r;
}

static int
on_update(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const UpdateRequest *rq = request;
    UpdateResponse *rp = reply;
    AUTO(namespace_) asked = {0};
    AUTO(namespace_) stored = {0};
    AUTO(strv) mask = wire_mask_from(rq->update_mask);
    int r = wire_namespace_from(rq->namespace_, &asked, err);

    if (r == 0)
        r = namespace_store_update(impl, &asked, &mask, &stored, err);
    if (r == 0)
        rp->namespace_ = wire_namespace_to(rpc_call_arena(call), &stored);
    return r;
}

static int
on_delete(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const DeleteRequest *rq = request;

    (void) call;
    (void) reply;
    return namespace_store_delete(impl, wire_str(rq->name), err);
}

static const struct rpc_method methods[] = {
    {"Get", RPC_UNARY, on_get},       {"List", RPC_UNARY, on_list},
    {"Create", RPC_UNARY, on_create}, {"Update", RPC_UNARY, on_update},
    {"Delete", RPC_UNARY, on_delete},
};

struct rpc_service
namespace_service(struct db *db)
{
    return (struct rpc_service){.desc =
                                    &containerd__services__namespaces__v1__namespaces__descriptor,
                                .methods = methods,
                                .n_methods = ARRAY_LEN(methods),
                                .impl = db};
}
