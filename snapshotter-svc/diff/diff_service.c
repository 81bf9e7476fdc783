/* SPDX-License-Identifier: Apache-2.0 */
/* containerd.services.diff.v1. */
#include "services/diff/v1/diff.pb-c.h"

#include "api/wire/wire.h"
#include "diff_create.h"
#include "diff_service.h"
#include "diff_target.h"

/* The reply is packed after the handler returned: strings move into the arena. Consumes `desc`. */
static Containerd__Types__Descriptor *
keep_desc(struct arena *a, struct oci_desc *desc)
{
    Containerd__Types__Descriptor *m = wire_desc_to(a, desc);

    m->media_type = arena_strdup(a, desc->media_type);
    oci_desc_done(desc);
    return m;
}

/* The context of the call, with the namespace that its mounts tell when the caller did not. */
struct told_ctx {
    struct call_ctx ctx;
    char *ns;
};

static void
told_ctx_done(struct told_ctx *t)
{
    free(t->ns);
}

static struct told_ctx
tell_namespace(const struct rpc_call *call, const struct diff_settings *d,
               const struct mount_list *mounts)
{
    struct told_ctx t = {.ctx = *rpc_call_ctx(call)};
    auto_free char *dir = diff_target_any_dir(mounts);

    if (!t.ctx.ns && dir)
        t.ctx.ns = t.ns = snapshots_local_namespace(d->snapshots, dir);
    return t;
}

static int
on_apply(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const Containerd__Services__Diff__V1__ApplyRequest *req = request;
    Containerd__Services__Diff__V1__ApplyResponse *rep = reply;
    AUTO(oci_desc) layer = {0};
    AUTO(mount_list) mounts = {0};
    AUTO(told_ctx) told = {0};
    struct oci_desc applied;
    int r;

    r = wire_desc_from(req->diff, &layer, err);
    if (r < 0)
        return r;
    mounts = wire_mounts_from(req->mounts, req->n_mounts);
    told = tell_namespace(call, impl, &mounts);
    r = diff_apply(impl, &told.ctx, &layer, &mounts, req->sync_fs, &applied, err);
    if (r == 0)
        rep->applied = keep_desc(rpc_call_arena(call), &applied);
    return r;
}

static int
on_diff(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const Containerd__Services__Diff__V1__DiffRequest *req = request;
    Containerd__Services__Diff__V1__DiffResponse *rep = reply;
    AUTO(mount_list) left = {0};
    AUTO(mount_list) right = {0};
    AUTO(labels) labels = {0};
    AUTO(told_ctx) told = {0};
    struct diff_create_request rq = {
        .left = &left,
        .right = &right,
        .media_type = req->media_type,
        .ref = req->ref,
        .labels = &labels,
    };
    struct oci_desc made;
    int r;

    r = wire_labels_from(req->labels, req->n_labels, &labels, err);
    if (r < 0)
        return r;
    left = wire_mounts_from(req->left, req->n_left);
    right = wire_mounts_from(req->right, req->n_right);
    if (req->source_date_epoch) {
        rq.has_source_epoch = true;
        rq.source_epoch_sec = req->source_date_epoch->seconds;
    }
    told = tell_namespace(call, impl, &right);
    r = diff_create(impl, &told.ctx, &rq, &made, err);
    if (r == 0)
        rep->diff = keep_desc(rpc_call_arena(call), &made);
    return r;
}

static const struct rpc_method methods[] = {
    {"Diff", RPC_UNARY, on_diff},
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
