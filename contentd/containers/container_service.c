/* SPDX-License-Identifier: Apache-2.0 */
/* The Containers service. */
#include "container_service.h"

#include "api/wire/wire_records.h"
#include "container_store.h"
#include "contentd/store/ident.h"
#include "services/containers/v1/containers.pb-c.h"

typedef Containerd__Services__Containers__V1__CreateContainerRequest CreateRequest;
typedef Containerd__Services__Containers__V1__CreateContainerResponse CreateResponse;
typedef Containerd__Services__Containers__V1__DeleteContainerRequest DeleteRequest;
typedef Containerd__Services__Containers__V1__GetContainerRequest GetRequest;
typedef Containerd__Services__Containers__V1__GetContainerResponse GetResponse;
typedef Containerd__Services__Containers__V1__ListContainerMessage ListMessage;
typedef Containerd__Services__Containers__V1__ListContainersRequest ListRequest;
typedef Containerd__Services__Containers__V1__ListContainersResponse ListResponse;
typedef Containerd__Services__Containers__V1__UpdateContainerRequest UpdateRequest;
typedef Containerd__Services__Containers__V1__UpdateContainerResponse UpdateResponse;

static int
on_get(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const struct container_service *s = impl;
    const GetRequest *rq = request;
    GetResponse *rp = reply;
    AUTO(container) c = {0};
    const char *ns;
    int r;

    r = ident_ns(rpc_call_ctx(call), &ns, err);
    if (r == 0)
        r = container_store_get(s->db, ns, wire_str(rq->id), &c, err);
    if (r == 0)
        rp->container = wire_container_to(rpc_call_arena(call), &c);
    return r;
}

static int
list_add(const struct container *c, void *arg)
{
    struct wire_list *l = arg;

    wire_list_add(l, wire_container_to(l->arena, c));
    return 0;
}

static int
on_list(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const struct container_service *s = impl;
    const ListRequest *rq = request;
    ListResponse *rp = reply;
    struct wire_list l = {.arena = rpc_call_arena(call)};
    AUTO(strv) filters = wire_strv_from(rq->filters, rq->n_filters);
    const char *ns;
    int r;

    r = ident_ns(rpc_call_ctx(call), &ns, err);
    if (r == 0)
        r = container_store_list(s->db, ns, &filters, list_add, &l, err);
    rp->containers = l.items;
    rp->n_containers = l.n;
    return r;
}

struct stream {
    struct rpc_call *call;
    struct err *err;
    struct arena arena; /* of one message */
};

static int
stream_one(const struct container *c, void *arg)
{
    struct stream *s = arg;
    ListMessage m = CONTAINERD__SERVICES__CONTAINERS__V1__LIST_CONTAINER_MESSAGE__INIT;
    int r;

    m.container = wire_container_to(&s->arena, c);
    r = rpc_send(s->call, &m, s->err);
    arena_reset(&s->arena);
    return r;
}

static int
on_list_stream(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const struct container_service *s = impl;
    const ListRequest *rq = request;
    struct stream st = {.call = call, .err = err};
    AUTO(strv) filters = wire_strv_from(rq->filters, rq->n_filters);
    const char *ns;
    int r;

    (void) reply;
    r = ident_ns(rpc_call_ctx(call), &ns, err);
    if (r == 0)
        r = container_store_list(s->db, ns, &filters, stream_one, &st, err);
    arena_done(&st.arena);
    return r;
}

static int
on_create(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const struct container_service *s = impl;
    const CreateRequest *rq = request;
    CreateResponse *rp = reply;
    AUTO(container) asked = {0};
    AUTO(container) stored = {0};
    const char *ns;
    int r;

    r = ident_ns(rpc_call_ctx(call), &ns, err);
    if (r == 0)
        r = wire_container_from(rq->container, &asked, err);
    if (r == 0)
        r = container_store_create(s->db, ns, &asked, &stored, err);
    if (r == 0)
        rp->container = wire_container_to(rpc_call_arena(call), &stored);
    return r;
}

static int
on_update(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const struct container_service *s = impl;
    const UpdateRequest *rq = request;
    UpdateResponse *rp = reply;
    AUTO(container) asked = {0};
    AUTO(container) stored = {0};
    AUTO(strv) mask = wire_mask_from(rq->update_mask);
    const char *ns;
    int r;

    r = ident_ns(rpc_call_ctx(call), &ns, err);
    if (r == 0)
        r = wire_container_from(rq->container, &asked, err);
    if (r == 0 && !*asked.id)
        r = err_set(err, CODE_INVALID_ARGUMENT, "container id must not be empty: invalid argument");
    if (r == 0)
        r = container_store_update(s->db, ns, &asked, &mask, &stored, err);
    if (r == 0)
        rp->container = wire_container_to(rpc_call_arena(call), &stored);
    return r;
}

static int
on_delete(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const struct container_service *s = impl;
    const DeleteRequest *rq = request;
    const char *ns;
    int r;

    (void) reply;
    r = ident_ns(rpc_call_ctx(call), &ns, err);
    if (r == 0)
        r = container_store_delete(s->db, ns, wire_str(rq->id), err);
    return r < 0 ? r : gc_hook_deleted(s->gc, false, err);
}

static const struct rpc_method methods[] = {
    {"Get", RPC_UNARY, on_get},
    {"List", RPC_UNARY, on_list},
    {"ListStream", RPC_SERVER_STREAM, on_list_stream},
    {"Create", RPC_UNARY, on_create},
    {"Update", RPC_UNARY, on_update},
    {"Delete", RPC_UNARY, on_delete},
};

struct rpc_service
container_service(struct container_service *s)
{
    return (struct rpc_service){.desc =
                                    &containerd__services__containers__v1__containers__descriptor,
                                .methods = methods,
                                .n_methods = ARRAY_LEN(methods),
                                .impl = s};
}
