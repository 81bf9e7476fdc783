/* SPDX-License-Identifier: Apache-2.0 */
/* The metadata services over a channel. */
#include "records_client.h"

#include "api/wire/wire_records.h"
#include "google/protobuf/empty.pb-c.h"
#include "grpc/health/v1/health.pb-c.h"
#include "services/containers/v1/containers.pb-c.h"
#include "services/images/v1/images.pb-c.h"
#include "services/leases/v1/leases.pb-c.h"
#include "services/namespaces/v1/namespace.pb-c.h"
#include "services/version/v1/version.pb-c.h"

#define IMAGES(name)     Containerd__Services__Images__V1__##name
#define CONTAINERS(name) Containerd__Services__Containers__V1__##name
#define LEASES(name)     Containerd__Services__Leases__V1__##name

#define IMAGES_DESC     (&containerd__services__images__v1__images__descriptor)
#define CONTAINERS_DESC (&containerd__services__containers__v1__containers__descriptor)
#define LEASES_DESC     (&containerd__services__leases__v1__leases__descriptor)
#define NAMESPACES_DESC (&containerd__services__namespaces__v1__namespaces__descriptor)

/* ---- images ---- */

/* `ret` may be NULL. */
static int
take_image(const IMAGES(Image) * m, struct image *ret, struct err *err)
{
    return ret ? wire_image_from(m, ret, err) : 0;
}

int
images_client_get(struct rpc_channel *ch, const struct call_ctx *ctx, const char *name,
                  struct image *ret, struct err *err)
{
    AUTO(arena) a = {0};
    IMAGES(GetImageRequest) rq = CONTAINERD__SERVICES__IMAGES__V1__GET_IMAGE_REQUEST__INIT;
    IMAGES(GetImageResponse) * rp;
    int r;

    rq.name = wire_str_to(&a, name);
    r = rpc_invoke(ch, ctx, IMAGES_DESC, "Get", &rq, &a, (void **) &rp, err);
    return r < 0 ? r : take_image(rp->image, ret, err);
}

int
images_client_list(struct rpc_channel *ch, const struct call_ctx *ctx, const struct strv *filters,
                   image_fn fn, void *arg, struct err *err)
{
    AUTO(arena) a = {0};
    IMAGES(ListImagesRequest) rq = CONTAINERD__SERVICES__IMAGES__V1__LIST_IMAGES_REQUEST__INIT;
    IMAGES(ListImagesResponse) * rp;
    int r;

    rq.filters = wire_strv_to(&a, filters, &rq.n_filters);
    r = rpc_invoke(ch, ctx, IMAGES_DESC, "List", &rq, &a, (void **) &rp, err);
    for (size_t i = 0; r == 0 && i < rp->n_images; i++) {
        AUTO(image) image = {0};

        r = wire_image_from(rp->images[i], &image, err);
        if (r == 0)
            r = fn(&image, arg);
    }
    return r;
}

int
images_client_create(struct rpc_channel *ch, const struct call_ctx *ctx, const struct image *i,
                     struct image *ret, struct err *err)
{
    AUTO(arena) a = {0};
    IMAGES(CreateImageRequest) rq = CONTAINERD__SERVICES__IMAGES__V1__CREATE_IMAGE_REQUEST__INIT;
    IMAGES(CreateImageResponse) * rp;
    int r;

    rq.image = wire_image_to(&a, i);
    r = rpc_invoke(ch, ctx, IMAGES_DESC, "Create", &rq, &a, (void **) &rp, err);
    return r < 0 ? r : take_image(rp->image, ret, err);
}

int
images_client_update(struct rpc_channel *ch, const struct call_ctx *ctx, const struct image *i,
                     const struct strv *mask, struct image *ret, struct err *err)
{
    AUTO(arena) a = {0};
    IMAGES(UpdateImageRequest) rq = CONTAINERD__SERVICES__IMAGES__V1__UPDATE_IMAGE_REQUEST__INIT;
    IMAGES(UpdateImageResponse) * rp;
    int r;

    rq.image = wire_image_to(&a, i);
    rq.update_mask = wire_mask_to(&a, mask);
    r = rpc_invoke(ch, ctx, IMAGES_DESC, "Update", &rq, &a, (void **) &rp, err);
    return r < 0 ? r : take_image(rp->image, ret, err);
}

int
images_client_delete(struct rpc_channel *ch, const struct call_ctx *ctx, const char *name,
                     bool sync, struct err *err)
{
    AUTO(arena) a = {0};
    IMAGES(DeleteImageRequest) rq = CONTAINERD__SERVICES__IMAGES__V1__DELETE_IMAGE_REQUEST__INIT;
    void *rp;

    rq.name = wire_str_to(&a, name);
    rq.sync = sync;
    return rpc_invoke(ch, ctx, IMAGES_DESC, "Delete", &rq, &a, &rp, err);
}

/* ---- containers ---- */

static int
take_container(const CONTAINERS(Container) * m, struct container *ret, struct err *err)
{
    return ret ? wire_container_from(m, ret, err) : 0;
}

int
containers_client_get(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                      struct container *ret, struct err *err)
{
    AUTO(arena) a = {0};
    CONTAINERS(GetContainerRequest)
    rq = CONTAINERD__SERVICES__CONTAINERS__V1__GET_CONTAINER_REQUEST__INIT;
    CONTAINERS(GetContainerResponse) * rp;
    int r;

    rq.id = wire_str_to(&a, id);
    r = rpc_invoke(ch, ctx, CONTAINERS_DESC, "Get", &rq, &a, (void **) &rp, err);
    return r < 0 ? r : take_container(rp->container, ret, err);
}

int
containers_client_list(struct rpc_channel *ch, const struct call_ctx *ctx,
                       const struct strv *filters, container_fn fn, void *arg, struct err *err)
{
    AUTO(arena) a = {0};
    CONTAINERS(ListContainersRequest)
    rq = CONTAINERD__SERVICES__CONTAINERS__V1__LIST_CONTAINERS_REQUEST__INIT;
    CONTAINERS(ListContainersResponse) * rp;
    int r;

    rq.filters = wire_strv_to(&a, filters, &rq.n_filters);
    r = rpc_invoke(ch, ctx, CONTAINERS_DESC, "List", &rq, &a, (void **) &rp, err);
    for (size_t i = 0; r == 0 && i < rp->n_containers; i++) {
        AUTO(container) c = {0};

        r = wire_container_from(rp->containers[i], &c, err);
        if (r == 0)
            r = fn(&c, arg);
    }
    return r;
}

int
containers_client_create(struct rpc_channel *ch, const struct call_ctx *ctx,
                         const struct container *c, struct container *ret, struct err *err)
{
    AUTO(arena) a = {0};
    CONTAINERS(CreateContainerRequest)
    rq = CONTAINERD__SERVICES__CONTAINERS__V1__CREATE_CONTAINER_REQUEST__INIT;
    CONTAINERS(CreateContainerResponse) * rp;
    int r;

    rq.container = wire_container_to(&a, c);
    r = rpc_invoke(ch, ctx, CONTAINERS_DESC, "Create", &rq, &a, (void **) &rp, err);
    return r < 0 ? r : take_container(rp->container, ret, err);
}

int
containers_client_update(struct rpc_channel *ch, const struct call_ctx *ctx,
                         const struct container *c, const struct strv *mask, struct container *ret,
                         struct err *err)
{
    AUTO(arena) a = {0};
    CONTAINERS(UpdateContainerRequest)
    rq = CONTAINERD__SERVICES__CONTAINERS__V1__UPDATE_CONTAINER_REQUEST__INIT;
    CONTAINERS(UpdateContainerResponse) * rp;
    int r;

    rq.container = wire_container_to(&a, c);
    rq.update_mask = wire_mask_to(&a, mask);
    r = rpc_invoke(ch, ctx, CONTAINERS_DESC, "Update", &rq, &a, (void **) &rp, err);
    return r < 0 ? r : take_container(rp->container, ret, err);
}

int
containers_client_delete(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                         struct err *err)
{
    AUTO(arena) a = {0};
    CONTAINERS(DeleteContainerRequest)
    rq = CONTAINERD__SERVICES__CONTAINERS__V1__DELETE_CONTAINER_REQUEST__INIT;
    void *rp;

    rq.id = wire_str_to(&a, id);
    return rpc_invoke(ch, ctx, CONTAINERS_DESC, "Delete", &rq, &a, &rp, err);
}

/* ---- leases ---- */

int
leases_client_create(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                     const struct labels *labels, struct lease *ret, struct err *err)
{
    AUTO(arena) a = {0};
    LEASES(CreateRequest) rq = CONTAINERD__SERVICES__LEASES__V1__CREATE_REQUEST__INIT;
    LEASES(CreateResponse) * rp;
    int r;

    rq.id = wire_str_to(&a, id);
    if (labels)
        rq.labels = (LEASES(CreateRequest__LabelsEntry) **) wire_labels_to(
            &a, labels, &containerd__services__leases__v1__create_request__labels_entry__descriptor,
            &rq.n_labels);
    r = rpc_invoke(ch, ctx, LEASES_DESC, "Create", &rq, &a, (void **) &rp, err);
    return r < 0 || !ret ? r : wire_lease_from(rp->lease, ret, err);
}

int
leases_client_delete(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id, bool sync,
                     struct err *err)
{
    AUTO(arena) a = {0};
    LEASES(DeleteRequest) rq = CONTAINERD__SERVICES__LEASES__V1__DELETE_REQUEST__INIT;
    void *rp;

    rq.id = wire_str_to(&a, id);
    rq.sync = sync;
    return rpc_invoke(ch, ctx, LEASES_DESC, "Delete", &rq, &a, &rp, err);
}

int
leases_client_list(struct rpc_channel *ch, const struct call_ctx *ctx, const struct strv *filters,
                   lease_fn fn, void *arg, struct err *err)
{
    AUTO(arena) a = {0};
    LEASES(ListRequest) rq = CONTAINERD__SERVICES__LEASES__V1__LIST_REQUEST__INIT;
    LEASES(ListResponse) * rp;
    int r;

    rq.filters = wire_strv_to(&a, filters, &rq.n_filters);
    r = rpc_invoke(ch, ctx, LEASES_DESC, "List", &rq, &a, (void **) &rp, err);
    for (size_t i = 0; r == 0 && i < rp->n_leases; i++) {
        AUTO(lease) l = {0};

        r = wire_lease_from(rp->leases[i], &l, err);
        if (r == 0)
            r = fn(&l, arg);
    }
    return r;
}

int
leases_client_add_resource(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                           const struct lease_resource *res, struct err *err)
{
    AUTO(arena) a = {0};
    LEASES(AddResourceRequest) rq = CONTAINERD__SERVICES__LEASES__V1__ADD_RESOURCE_REQUEST__INIT;
    LEASES(Resource) m = CONTAINERD__SERVICES__LEASES__V1__RESOURCE__INIT;
    void *rp;

    m.id = wire_str_to(&a, res->id);
    m.type = wire_str_to(&a, res->type);
    rq.id = wire_str_to(&a, id);
    rq.resource = &m;
    return rpc_invoke(ch, ctx, LEASES_DESC, "AddResource", &rq, &a, &rp, err);
}

/* ---- the rest ---- */

int
namespaces_client_list(struct rpc_channel *ch, const struct call_ctx *ctx, namespace_fn fn,
                       void *arg, struct err *err)
{
    AUTO(arena) a = {0};
    Containerd__Services__Namespaces__V1__ListNamespacesRequest rq =
        CONTAINERD__SERVICES__NAMESPACES__V1__LIST_NAMESPACES_REQUEST__INIT;
    Containerd__Services__Namespaces__V1__ListNamespacesResponse *rp;
    int r;

    r = rpc_invoke(ch, ctx, NAMESPACES_DESC, "List", &rq, &a, (void **) &rp, err);
    for (size_t i = 0; r == 0 && i < rp->n_namespaces; i++) {
        AUTO(namespace_) n = {0};

        r = wire_namespace_from(rp->namespaces[i], &n, err);
        if (r == 0)
            r = fn(&n, arg);
    }
    return r;
}

int
version_client_get(struct rpc_channel *ch, const struct call_ctx *ctx, char **ret_version,
                   char **ret_revision, struct err *err)
{
    AUTO(arena) a = {0};
    Google__Protobuf__Empty rq = GOOGLE__PROTOBUF__EMPTY__INIT;
    Containerd__Services__Version__V1__VersionResponse *rp;
    int r;

    r = rpc_invoke(ch, ctx, &containerd__services__version__v1__version__descriptor, "Version", &rq,
                   &a, (void **) &rp, err);
    if (r < 0)
        return r;
    *ret_version = xstrdup(wire_str(rp->version));
    *ret_revision = xstrdup(wire_str(rp->revision));
    return 0;
}

int
health_client_check(struct rpc_channel *ch, const struct call_ctx *ctx, struct err *err)
{
    AUTO(arena) a = {0};
    Grpc__Health__V1__HealthCheckRequest rq = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    Grpc__Health__V1__HealthCheckResponse *rp;
    int r;

    r = rpc_invoke(ch, ctx, &grpc__health__v1__health__descriptor, "Check", &rq, &a, (void **) &rp,
                   err);
    if (r < 0)
        return r;
    if (rp->status != GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING)
        return err_set(err, CODE_UNAVAILABLE, "the server is not serving (status %d)",
                       (int) rp->status);
    return 0;
}
