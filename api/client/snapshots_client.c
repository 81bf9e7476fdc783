/* SPDX-License-Identifier: Apache-2.0 */
/* The snapshots contract over a channel: our snapshotter or a containerd. */
#include "services/snapshots/v1/snapshots.pb-c.h"

#include <string.h>

#include "api/client/snapshots_client.h"
#include "api/wire/wire.h"
#include "api/wire/wire_snapshots.h"

#define MSG(name)  Containerd__Services__Snapshots__V1__##name
#define DESC(name) containerd__services__snapshots__v1__##name##__descriptor

struct snapshots_client {
    struct snapshots contract; /* first */
    struct rpc_channel *ch;
    char *snapshotter;
};

static struct snapshots_client *
client_of(struct snapshots *s)
{
    return (struct snapshots_client *) s;
}

static int
invoke(struct snapshots_client *c, const struct call_ctx *ctx, const char *method,
       const void *request, struct arena *arena, void **ret_reply, struct err *err)
{
    return rpc_invoke(c->ch, ctx, &DESC(snapshots), method, request, arena, ret_reply, err);
}

/* Requests only borrow: the casts give protobuf-c's fields what they do not change. */
static char *
lend(const char *s)
{
    return (char *) (uintptr_t) s;
}

static int
client_stat(struct snapshots *s, const struct call_ctx *ctx, const char *key,
            struct snapshot_info *ret, struct err *err)
{
    struct snapshots_client *c = client_of(s);
    AUTO(arena) a = {0};
    MSG(StatSnapshotRequest) *req = wire_new(&a, &DESC(stat_snapshot_request));
    MSG(StatSnapshotResponse) * rep;
    int r;

    req->snapshotter = c->snapshotter;
    req->key = lend(key);
    r = invoke(c, ctx, "Stat", req, &a, (void **) &rep, err);
    if (r < 0)
        return r;
    return wire_snapshot_info_from(rep->info, ret, err);
}

static int
client_update(struct snapshots *s, const struct call_ctx *ctx, const char *key,
              const struct labels *labels, const struct strv *mask, struct snapshot_info *ret,
              struct err *err)
{
    struct snapshots_client *c = client_of(s);
    AUTO(arena) a = {0};
    MSG(UpdateSnapshotRequest) *req = wire_new(&a, &DESC(update_snapshot_request));
    MSG(UpdateSnapshotResponse) * rep;
    const struct snapshot_info wanted = {.name = lend(key), .parent = lend(""), .labels = *labels};
    int r;

    req->snapshotter = c->snapshotter;
    req->info = wire_snapshot_info_to(&a, &wanted);
    req->update_mask = mask->n ? wire_mask_to(&a, mask) : NULL;
    r = invoke(c, ctx, "Update", req, &a, (void **) &rep, err);
    if (r < 0)
        return r;
    return wire_snapshot_info_from(rep->info, ret, err);
}

static int
client_usage(struct snapshots *s, const struct call_ctx *ctx, const char *key,
             struct snapshot_usage *ret, struct err *err)
{
    struct snapshots_client *c = client_of(s);
    AUTO(arena) a = {0};
    MSG(UsageRequest) *req = wire_new(&a, &DESC(usage_request));
    MSG(UsageResponse) * rep;
    int r;

    req->snapshotter = c->snapshotter;
    req->key = lend(key);
    r = invoke(c, ctx, "Usage", req, &a, (void **) &rep, err);
    if (r == 0)
        *ret = (struct snapshot_usage){.size_bytes = rep->size, .inodes = rep->inodes};
    return r;
}

static int
client_mounts(struct snapshots *s, const struct call_ctx *ctx, const char *key,
              struct mount_list *ret, struct err *err)
{
    struct snapshots_client *c = client_of(s);
    AUTO(arena) a = {0};
    MSG(MountsRequest) *req = wire_new(&a, &DESC(mounts_request));
    MSG(MountsResponse) * rep;
    int r;

    req->snapshotter = c->snapshotter;
    req->key = lend(key);
    r = invoke(c, ctx, "Mounts", req, &a, (void **) &rep, err);
    if (r == 0)
        *ret = wire_mounts_from(rep->mounts, rep->n_mounts);
    return r;
}

static int
prepare_active(struct snapshots_client *c, const struct call_ctx *ctx, const char *key,
               const char *parent, const struct labels *labels, struct mount_list *ret,
               struct err *err)
{
    AUTO(arena) a = {0};
    MSG(PrepareSnapshotRequest) *req = wire_new(&a, &DESC(prepare_snapshot_request));
    MSG(PrepareSnapshotResponse) * rep;
    int r;

    req->snapshotter = c->snapshotter;
    req->key = lend(key);
    req->parent = lend(parent);
    req->labels =
        wire_labels_to(&a, labels, &DESC(prepare_snapshot_request__labels_entry), &req->n_labels);
    r = invoke(c, ctx, "Prepare", req, &a, (void **) &rep, err);
    if (r == 0)
        *ret = wire_mounts_from(rep->mounts, rep->n_mounts);
    return r;
}

static int
prepare_view(struct snapshots_client *c, const struct call_ctx *ctx, const char *key,
             const char *parent, const struct labels *labels, struct mount_list *ret,
             struct err *err)
{
    AUTO(arena) a = {0};
    MSG(ViewSnapshotRequest) *req = wire_new(&a, &DESC(view_snapshot_request));
    MSG(ViewSnapshotResponse) * rep;
    int r;

    req->snapshotter = c->snapshotter;
    req->key = lend(key);
    req->parent = lend(parent);
    req->labels =
        wire_labels_to(&a, labels, &DESC(view_snapshot_request__labels_entry), &req->n_labels);
    r = invoke(c, ctx, "View", req, &a, (void **) &rep, err);
    if (r == 0)
        *ret = wire_mounts_from(rep->mounts, rep->n_mounts);
    return r;
}

static int
client_prepare(struct snapshots *s, const struct call_ctx *ctx, enum snapshot_kind kind,
               const char *key, const char *parent, const struct labels *labels,
               struct mount_list *ret, struct err *err)
{
    if (kind == SNAPSHOT_VIEW)
        return prepare_view(client_of(s), ctx, key, parent, labels, ret, err);
    return prepare_active(client_of(s), ctx, key, parent, labels, ret, err);
}

static int
client_commit(struct snapshots *s, const struct call_ctx *ctx, const char *name, const char *key,
              const char *parent, const struct labels *labels, struct err *err)
{
    struct snapshots_client *c = client_of(s);
    AUTO(arena) a = {0};
    MSG(CommitSnapshotRequest) *req = wire_new(&a, &DESC(commit_snapshot_request));
    void *rep;

    req->snapshotter = c->snapshotter;
    req->name = lend(name);
    req->key = lend(key);
    req->parent = lend(parent);
    req->labels =
        wire_labels_to(&a, labels, &DESC(commit_snapshot_request__labels_entry), &req->n_labels);
    return invoke(c, ctx, "Commit", req, &a, &rep, err);
}

static int
client_remove(struct snapshots *s, const struct call_ctx *ctx, const char *key, struct err *err)
{
    struct snapshots_client *c = client_of(s);
    AUTO(arena) a = {0};
    MSG(RemoveSnapshotRequest) *req = wire_new(&a, &DESC(remove_snapshot_request));
    void *rep;

    req->snapshotter = c->snapshotter;
    req->key = lend(key);
    return invoke(c, ctx, "Remove", req, &a, &rep, err);
}

static int
client_cleanup(struct snapshots *s, const struct call_ctx *ctx, struct err *err)
{
    struct snapshots_client *c = client_of(s);
    AUTO(arena) a = {0};
    MSG(CleanupRequest) *req = wire_new(&a, &DESC(cleanup_request));
    void *rep;

    req->snapshotter = c->snapshotter;
    return invoke(c, ctx, "Cleanup", req, &a, &rep, err);
}

static int
list_message(const MSG(ListSnapshotsResponse) * msg, snapshot_info_fn fn, void *arg,
             struct err *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < msg->n_info; i++) {
        AUTO(snapshot_info) info = {0};

        r = wire_snapshot_info_from(msg->info[i], &info, err);
        if (r == 0)
            r = fn(&info, arg);
    }
    return r;
}

static int
client_list(struct snapshots *s, const struct call_ctx *ctx, const struct strv *filters,
            snapshot_info_fn fn, void *arg, struct err *err)
{
    struct snapshots_client *c = client_of(s);
    AUTO(arena) a = {0};
    MSG(ListSnapshotsRequest) *req = wire_new(&a, &DESC(list_snapshots_request));
    AUTO_PTR(rpc_stream) stream = NULL;
    void *msg;
    int r;

    req->snapshotter = c->snapshotter;
    req->filters = wire_strv_to(&a, filters, &req->n_filters);
    r = rpc_stream_open(c->ch, ctx, &DESC(snapshots), "List", &stream, err);
    if (r == 0)
        r = rpc_stream_send(stream, req, err);
    if (r == 0)
        r = rpc_stream_close_send(stream, err);
    while (r == 0) {
        arena_reset(&a);
        r = rpc_stream_recv(stream, &a, &msg, err);
        if (r <= 0)
            return r;
        r = list_message(msg, fn, arg, err);
    }
    return r;
}

static void
client_free(struct snapshots *s)
{
    struct snapshots_client *c = client_of(s);

    free(c->snapshotter);
    free(c);
}

static const struct snapshots_ops client_ops = {
    .stat = client_stat,
    .update = client_update,
    .usage = client_usage,
    .mounts = client_mounts,
    .prepare = client_prepare,
    .commit = client_commit,
    .remove = client_remove,
    .list = client_list,
    .cleanup = client_cleanup,
    .free = client_free,
};

struct snapshots *
snapshots_client_new(struct rpc_channel *ch, const char *snapshotter)
{
    struct snapshots_client *c = xcalloc(1, sizeof *c);

    c->contract.ops = &client_ops;
    c->ch = ch;
    c->snapshotter = xstrdup(snapshotter);
    return &c->contract;
}
