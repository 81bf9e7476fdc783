/* SPDX-License-Identifier: Apache-2.0 */
/* containerd.services.snapshots.v1 over the snapshots contract. */
#include "services/snapshots/v1/snapshots.pb-c.h"

#include "api/wire/wire.h"
#include "api/wire/wire_snapshots.h"
#include "snapshots_service.h"

#define MSG(name) Containerd__Services__Snapshots__V1__##name

#define LIST_INFOS_MAX 100                   /* in one message of a List, reference 8.2 */
#define LIST_BYTES_MAX (RPC_MESSAGE_MAX / 4) /* likewise; one info has at most about 1 MiB */

/* ---- values that outlive the handler: the reply is packed after it returned ---- */

static struct labels
labels_keep(struct arena *a, const struct labels *l)
{
    struct labels kept = {.n = l->n};

    kept.items = l->n ? arena_alloc(a, l->n * sizeof *kept.items) : NULL;
    for (size_t i = 0; i < l->n; i++)
        kept.items[i] = (struct label){
            .key = arena_strdup(a, l->items[i].key),
            .value = arena_strdup(a, l->items[i].value),
        };
    return kept;
}

/* Consumes `i`. */
static MSG(Info) * keep_info(struct arena *a, struct snapshot_info *i)
{
    struct snapshot_info kept = *i;

    kept.name = arena_strdup(a, i->name);
    kept.parent = arena_strdup(a, i->parent);
    kept.labels = labels_keep(a, &i->labels);
    snapshot_info_done(i);
    return wire_snapshot_info_to(a, &kept);
}

/* Consumes `l`. */
static struct Containerd__Types__Mount **
keep_mounts(struct arena *a, struct mount_list *l, size_t *ret_n)
{
    struct Containerd__Types__Mount **items = wire_mounts_to(a, l, ret_n);

    for (size_t i = 0; i < l->n; i++) {
        items[i]->type = arena_strdup(a, items[i]->type);
        items[i]->source = arena_strdup(a, items[i]->source);
        items[i]->target = arena_strdup(a, items[i]->target);
        for (size_t k = 0; k < items[i]->n_options; k++)
            items[i]->options[k] = arena_strdup(a, items[i]->options[k]);
    }
    mount_list_done(l);
    return items;
}

/* ---- the methods ---- */

static int
on_prepare(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const MSG(PrepareSnapshotRequest) *req = request;
    MSG(PrepareSnapshotResponse) *rep = reply;
    AUTO(labels) labels = {0};
    struct mount_list mounts;
    int r;

    r = wire_labels_from(req->labels, req->n_labels, &labels, err);
    if (r == 0)
        r = snapshots_prepare(impl, rpc_call_ctx(call), SNAPSHOT_ACTIVE, req->key, req->parent,
                              &labels, &mounts, err);
    if (r == 0)
        rep->mounts = keep_mounts(rpc_call_arena(call), &mounts, &rep->n_mounts);
    return r;
}

static int
on_view(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const MSG(ViewSnapshotRequest) *req = request;
    MSG(ViewSnapshotResponse) *rep = reply;
    AUTO(labels) labels = {0};
    struct mount_list mounts;
    int r;

    r = wire_labels_from(req->labels, req->n_labels, &labels, err);
    if (r == 0)
        r = snapshots_prepare(impl, rpc_call_ctx(call), SNAPSHOT_VIEW, req->key, req->parent,
                              &labels, &mounts, err);
    if (r == 0)
        rep->mounts = keep_mounts(rpc_call_arena(call), &mounts, &rep->n_mounts);
    return r;
}

static int
on_mounts(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const MSG(MountsRequest) *req = request;
    MSG(MountsResponse) *rep = reply;
    struct mount_list mounts;
    int r;

    r = snapshots_mounts(impl, rpc_call_ctx(call), req->key, &mounts, err);
    if (r == 0)
        rep->mounts = keep_mounts(rpc_call_arena(call), &mounts, &rep->n_mounts);
    return r;
}

static int
on_commit(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const MSG(CommitSnapshotRequest) *req = request;
    AUTO(labels) labels = {0};
    int r;

    (void) reply;
    r = wire_labels_from(req->labels, req->n_labels, &labels, err);
    if (r == 0)
        r = snapshots_commit(impl, rpc_call_ctx(call), req->name, req->key, req->parent, &labels,
                             err);
    return r;
}

static int
on_remove(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const MSG(RemoveSnapshotRequest) *req = request;

    (void) reply;
    return snapshots_remove(impl, rpc_call_ctx(call), req->key, err);
}

static int
on_stat(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const MSG(StatSnapshotRequest) *req = request;
    MSG(StatSnapshotResponse) *rep = reply;
    struct snapshot_info info;
    int r;

    r = snapshots_stat(impl, rpc_call_ctx(call), req->key, &info, err);
    if (r == 0)
        rep->info = keep_info(rpc_call_arena(call), &info);
    return r;
}

static int
on_update(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const MSG(UpdateSnapshotRequest) *req = request;
    MSG(UpdateSnapshotResponse) *rep = reply;
    AUTO(snapshot_info) wanted = {0};
    AUTO(strv) mask = {0};
    struct snapshot_info info;
    int r;

    r = wire_snapshot_info_from(req->info, &wanted, err);
    if (r < 0)
        return r;
    mask = wire_mask_from(req->update_mask);
    r = snapshots_update(impl, rpc_call_ctx(call), wanted.name, &wanted.labels, &mask, &info, err);
    if (r == 0)
        rep->info = keep_info(rpc_call_arena(call), &info);
    return r;
}

static int
on_usage(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const MSG(UsageRequest) *req = request;
    MSG(UsageResponse) *rep = reply;
    struct snapshot_usage usage;
    int r;

    r = snapshots_usage(impl, rpc_call_ctx(call), req->key, &usage, err);
    if (r < 0)
        return r;
    rep->size = usage.size_bytes;
    rep->inodes = usage.inodes;
    return 0;
}

static int
on_cleanup(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    (void) request;
    (void) reply;
    return snapshots_cleanup(impl, rpc_call_ctx(call), err);
}

/* ---- List ---- */

struct listing {
    struct rpc_call *call;
    struct arena arena; /* of the infos that wait */
    MSG(Info) * infos[LIST_INFOS_MAX];
    size_t n;
    bool collector;
    struct err *err;
};

static int
list_flush(struct listing *l)
{
    MSG(ListSnapshotsResponse)
    msg = CONTAINERD__SERVICES__SNAPSHOTS__V1__LIST_SNAPSHOTS_RESPONSE__INIT;
    int r;

    if (!l->n)
        return 0;
    msg.info = l->infos;
    msg.n_info = l->n;
    r = rpc_send(l->call, &msg, l->err);
    arena_reset(&l->arena);
    l->n = 0;
    return r;
}

static int
list_add(const struct snapshot_info *info, void *arg)
{
    struct listing *l = arg;
    struct snapshot_info copy = *info;

    /* it removes every snapshot that it does not know: those of other clients it does not get to see */
    if (l->collector && !snapshot_key_is_containerds(info->name))
        return 0;
    copy.name = xstrdup(info->name);
    copy.parent = xstrdup(info->parent);
    copy.labels = labels_clone(&info->labels);
    l->infos[l->n++] = keep_info(&l->arena, &copy);
    if (l->n == LIST_INFOS_MAX || l->arena.used_bytes > LIST_BYTES_MAX)
        return list_flush(l);
    return 0;
}

static int
on_list(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const MSG(ListSnapshotsRequest) *req = request;
    /* only the garbage collector of a containerd lists without a namespace */
    struct listing l = {.call = call, .collector = !rpc_call_ctx(call)->ns, .err = err};
    AUTO(strv) filters = {0};
    int r;

    (void) reply;
    filters = wire_strv_from(req->filters, req->n_filters);
    r = snapshots_list(impl, rpc_call_ctx(call), &filters, list_add, &l, err);
    if (r == 0)
        r = list_flush(&l);
    arena_done(&l.arena);
    return r;
}

static const struct rpc_method methods[] = {
    {"Prepare", RPC_UNARY, on_prepare}, {"View", RPC_UNARY, on_view},
    {"Mounts", RPC_QUICK, on_mounts},   {"Commit", RPC_UNARY, on_commit},
    {"Remove", RPC_UNARY, on_remove},   {"Stat", RPC_QUICK, on_stat},
    {"Update", RPC_UNARY, on_update},   {"List", RPC_SERVER_STREAM, on_list},
    {"Usage", RPC_UNARY, on_usage},     {"Cleanup", RPC_UNARY, on_cleanup},
};

struct rpc_service
snapshots_service(struct snapshots *s)
{
    return (struct rpc_service){
        .desc = &containerd__services__snapshots__v1__snapshots__descriptor,
        .methods = methods,
        .n_methods = ARRAY_LEN(methods),
        .impl = s,
    };
}
