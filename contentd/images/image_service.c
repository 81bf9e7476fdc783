/* SPDX-License-Identifier: Apache-2.0 */
/* The Images service. */
#include "image_service.h"

#include "api/wire/wire_content.h"
#include "api/wire/wire_records.h"
#include "contentd/store/ident.h"
#include "image_store.h"
#include "libross/base/clock.h"
#include "services/images/v1/images.pb-c.h"
#include "types/descriptor.pb-c.h"

typedef Containerd__Services__Images__V1__CreateImageRequest CreateRequest;
typedef Containerd__Services__Images__V1__CreateImageResponse CreateResponse;
typedef Containerd__Services__Images__V1__DeleteImageRequest DeleteRequest;
typedef Containerd__Services__Images__V1__GetImageRequest GetRequest;
typedef Containerd__Services__Images__V1__GetImageResponse GetResponse;
typedef Containerd__Services__Images__V1__ListImagesRequest ListRequest;
typedef Containerd__Services__Images__V1__ListImagesResponse ListResponse;
typedef Containerd__Services__Images__V1__UpdateImageRequest UpdateRequest;
typedef Containerd__Services__Images__V1__UpdateImageResponse UpdateResponse;

static int
on_get(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const struct image_service *s = impl;
    const GetRequest *rq = request;
    GetResponse *rp = reply;
    AUTO(image) i = {0};
    const char *ns;
    int r;

    r = ident_ns(rpc_call_ctx(call), &ns, err);
    if (r == 0)
        r = image_store_get(s->db, ns, wire_str(rq->name), &i, err);
    if (r == 0)
        rp->image = wire_image_to(rpc_call_arena(call), &i);
    return r;
}

static int
list_add(const struct image *i, void *arg)
{
    struct wire_list *l = arg;

    wire_list_add(l, wire_image_to(l->arena, i));
    return 0;
}

static int
on_list(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const struct image_service *s = impl;
    const ListRequest *rq = request;
    ListResponse *rp = reply;
    struct wire_list l = {.arena = rpc_call_arena(call)};
    AUTO(strv) filters = wire_strv_from(rq->filters, rq->n_filters);
    const char *ns;
    int r;

    r = ident_ns(rpc_call_ctx(call), &ns, err);
    if (r == 0)
        r = image_store_list(s->db, ns, &filters, list_add, &l, err);
    rp->images = l.items;
    rp->n_images = l.n;
    return r;
}

/* Reproducible builds give the time of their source. */
static int64_t
now_or(const struct Google__Protobuf__Timestamp *epoch)
{
    int64_t ns = wire_time_from(epoch);

    return ns ? ns : clock_now_ns();
}

static int
on_create(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const struct image_service *s = impl;
    const CreateRequest *rq = request;
    CreateResponse *rp = reply;
    AUTO(image) asked = {0};
    AUTO(image) stored = {0};
    const char *ns;
    int r;

    r = ident_ns(rpc_call_ctx(call), &ns, err);
    if (r == 0)
        r = wire_image_from(rq->image, &asked, err);
    if (r == 0)
        r = image_store_create(s->db, ns, rpc_call_ctx(call), &asked, now_or(rq->source_date_epoch),
                               &stored, err);
    if (r == 0)
        rp->image = wire_image_to(rpc_call_arena(call), &stored);
    return r;
}

static int
on_update(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const struct image_service *s = impl;
    const UpdateRequest *rq = request;
    UpdateResponse *rp = reply;
    AUTO(image) asked = {0};
    AUTO(image) stored = {0};
    AUTO(strv) mask = wire_mask_from(rq->update_mask);
    const char *ns;
    int r;

    r = ident_ns(rpc_call_ctx(call), &ns, err);
    if (r == 0)
        r = wire_image_from(rq->image, &asked, err);
    if (r == 0)
        r = image_store_update(s->db, ns, &asked, &mask, now_or(rq->source_date_epoch), &stored,
                               err);
    if (r == 0)
        rp->image = wire_image_to(rpc_call_arena(call), &stored);
    return r;
}

static int
on_delete(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const struct image_service *s = impl;
    const DeleteRequest *rq = request;
    struct digest target = {0};
    const char *ns;
    int r;

    (void) reply;
    r = ident_ns(rpc_call_ctx(call), &ns, err);
    if (r == 0 && rq->target)
        r = wire_digest_from(rq->target->digest, &target, err);
    if (r == 0)
        r = image_store_delete(s->db, ns, wire_str(rq->name), &target, err);
    return r < 0 ? r : gc_hook_deleted(s->gc, rq->sync, err);
}

static const struct rpc_method methods[] = {
    {"Get", RPC_UNARY, on_get},       {"List", RPC_UNARY, on_list},
    {"Create", RPC_UNARY, on_create}, {"Update", RPC_UNARY, on_update},
    {"Delete", RPC_UNARY, on_delete},
};

struct rpc_service
image_service(struct image_service *s)
{
    return (struct rpc_service){.desc = &containerd__services__images__v1__images__descriptor,
                                .methods = methods,
                                .n_methods = ARRAY_LEN(methods),
                                .impl = s};
}
