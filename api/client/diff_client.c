/* SPDX-License-Identifier: Apache-2.0 */
/* The Diff service over a channel. */
#include "services/diff/v1/diff.pb-c.h"

#include "api/client/diff_client.h"
#include "api/wire/wire.h"

#define MSG(name)  Containerd__Services__Diff__V1__##name
#define DESC(name) containerd__services__diff__v1__##name##__descriptor

static char *
lend(const char *s)
{
    return (char *) (uintptr_t) s;
}

int
diff_client_apply(struct rpc_channel *ch, const struct call_ctx *ctx, const struct oci_desc *layer,
                  const struct mount_list *mounts, bool sync_fs, struct oci_desc *ret_applied,
                  struct err *err)
{
    AUTO(arena) a = {0};
    MSG(ApplyRequest) *req = wire_new(&a, &DESC(apply_request));
    MSG(ApplyResponse) * rep;
    int r;

    req->diff = wire_desc_to(&a, layer);
    req->mounts = wire_mounts_to(&a, mounts, &req->n_mounts);
    req->sync_fs = sync_fs;
    r = rpc_invoke(ch, ctx, &DESC(diff), "Apply", req, &a, (void **) &rep, err);
    if (r < 0)
        return r;
    return wire_desc_from(rep->applied, ret_applied, err);
}

int
diff_client_create(struct rpc_channel *ch, const struct call_ctx *ctx,
                   const struct mount_list *lower, const struct mount_list *upper,
                   const char *media_type, const char *ref, const struct labels *labels,
                   struct oci_desc *ret, struct err *err)
{
    AUTO(arena) a = {0};
    MSG(DiffRequest) *req = wire_new(&a, &DESC(diff_request));
    MSG(DiffResponse) * rep;
    int r;

    req->left = wire_mounts_to(&a, lower, &req->n_left);
    req->right = wire_mounts_to(&a, upper, &req->n_right);
    req->media_type = lend(media_type ? media_type : "");
    req->ref = lend(ref ? ref : "");
    req->labels = wire_labels_to(&a, labels, &DESC(diff_request__labels_entry), &req->n_labels);
    r = rpc_invoke(ch, ctx, &DESC(diff), "Diff", req, &a, (void **) &rep, err);
    if (r < 0)
        return r;
    return wire_desc_from(rep->diff, ret, err);
}
