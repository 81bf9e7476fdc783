/* SPDX-License-Identifier: Apache-2.0 */
/* containerd.services.diff.v1. */
#include "services/diff/v1/diff.pb-c.h"

#include "api/wire/wire.h"
#include "diff_service.h"

/* The reply is packed after the handler returned: strings move into the arena. Consumes `desc`. */
static Containerd__Types__Descriptor *
keep_desc(struct arena *a, struct oci_desc *desc)
{
    Containerd__Types__Descriptor *m = wire_desc_to(a, desc);

    m->media_type = arena_strdup(a, desc->media_type);
    oci_desc_done(desc);
    return m;
}

static int
on_apply(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const Containerd__Services__Diff__V1__ApplyRequest *req = request;
    Containerd__Services__Diff__V1__ApplyResponse *rep = reply;
    AUTO(oci_desc) layer = {0};
    AUTO(mount_list) mounts = {0};
    struct oci_desc applied;
    int r;

    r = wire_desc_from(req->diff, &layer, err);
    if (r < 0)
        return r;
    mounts = wire_mounts_from(req->mounts, req->n_mounts);
    r = diff_apply(impl, rpc_call_ctx(call), &layer, &mounts, req->sync_fs, &applied, err);
    if (r == 0)
        rep->applied = keep_desc(rpc_call_arena(call), &applied);
    return r;
}

static const struct rpc_method methods[] = {
    {"Apply", RPC_UNARY, on_apply},
};

struct rpc_service
diff_service(struct diff_settings *d)
{
    return (struct rpc_service){
        .desc = &containerd__services__diff__v1__diff__descriptor,
        .methods = methods,
        .n_methods = ARRAY_LEN(methods),
        .impl = d,
    };
}
