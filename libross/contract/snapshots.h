/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The snapshots contract: named layers of root filesystems (reference section 8). Implementations: the snapshotter's
 * own (local), a gRPC client (api/client), a tracing wrapper. All methods are thread safe.
 */
#pragma once

#include <stdint.h>

#include "libross/base/call_ctx.h"
#include "libross/base/labels.h"
#include "libross/base/strv.h"
#include "libross/mount/mount.h"

#define SNAPSHOT_KEY_MAX 4096 /* bytes of a key or name; metadata layers prefix theirs */

enum snapshot_kind { SNAPSHOT_UNKNOWN, SNAPSHOT_VIEW, SNAPSHOT_ACTIVE, SNAPSHOT_COMMITTED };

struct snapshot_info {
    char *name, *parent; /* parent "" when none */
    enum snapshot_kind kind;
    int64_t created_ns, updated_ns;
    struct labels labels;
};
void snapshot_info_done(struct snapshot_info *i);

struct snapshot_usage {
    int64_t size_bytes, inodes;
};

struct snapshots;
typedef int (*snapshot_info_fn)(const struct snapshot_info *info, void *arg);

struct snapshots_ops {
    int (*stat)(struct snapshots *s, const struct call_ctx *ctx, const char *key,
                struct snapshot_info *ret, struct err *err);
    int (*update)(struct snapshots *s, const struct call_ctx *ctx, const char *key,
                  const struct labels *labels, const struct strv *mask, struct snapshot_info *ret,
                  struct err *err);
    int (*usage)(struct snapshots *s, const struct call_ctx *ctx, const char *key,
                 struct snapshot_usage *ret, struct err *err);
    int (*mounts)(struct snapshots *s, const struct call_ctx *ctx, const char *key,
                  struct mount_list *ret, struct err *err);
    /* kind: SNAPSHOT_ACTIVE for Prepare, SNAPSHOT_VIEW for View. parent "" = none. */
    int (*prepare)(struct snapshots *s, const struct call_ctx *ctx, enum snapshot_kind kind,
                   const char *key, const char *parent, const struct labels *labels,
                   struct mount_list *ret, struct err *err);
    /* parent "" = as prepared; otherwise rebase (reference 8.2). Durable when it returns 0. */
    int (*commit)(struct snapshots *s, const struct call_ctx *ctx, const char *name,
                  const char *key, const char *parent, const struct labels *labels,
                  struct err *err);
    int (*remove)(struct snapshots *s, const struct call_ctx *ctx, const char *key,
                  struct err *err);
    int (*list)(struct snapshots *s, const struct call_ctx *ctx, const struct strv *filters,
                snapshot_info_fn fn, void *arg, struct err *err);
    int (*cleanup)(struct snapshots *s, const struct call_ctx *ctx, struct err *err);
    void (*free)(struct snapshots *s);
};

struct snapshots {
    const struct snapshots_ops *ops;
};

/* Codes: reference 8.2 row by row. The `ret` values are the caller's to `_done`. */
static inline int
snapshots_stat(struct snapshots *s, const struct call_ctx *ctx, const char *key,
               struct snapshot_info *ret, struct err *err)
{
    return s->ops->stat(s, ctx, key, ret, err);
}

static inline int
snapshots_update(struct snapshots *s, const struct call_ctx *ctx, const char *key,
                 const struct labels *labels, const struct strv *mask, struct snapshot_info *ret,
                 struct err *err)
{
    return s->ops->update(s, ctx, key, labels, mask, ret, err);
}

static inline int
snapshots_usage(struct snapshots *s, const struct call_ctx *ctx, const char *key,
                struct snapshot_usage *ret, struct err *err)
{
    return s->ops->usage(s, ctx, key, ret, err);
}

static inline int
snapshots_mounts(struct snapshots *s, const struct call_ctx *ctx, const char *key,
                 struct mount_list *ret, struct err *err)
{
    return s->ops->mounts(s, ctx, key, ret, err);
}

static inline int
snapshots_prepare(struct snapshots *s, const struct call_ctx *ctx, enum snapshot_kind kind,
                  const char *key, const char *parent, const struct labels *labels,
                  struct mount_list *ret, struct err *err)
{
    return s->ops->prepare(s, ctx, kind, key, parent, labels, ret, err);
}

static inline int
snapshots_commit(struct snapshots *s, const struct call_ctx *ctx, const char *name, const char *key,
                 const char *parent, const struct labels *labels, struct err *err)
{
    return s->ops->commit(s, ctx, name, key, parent, labels, err);
}

static inline int
snapshots_remove(struct snapshots *s, const struct call_ctx *ctx, const char *key, struct err *err)
{
    return s->ops->remove(s, ctx, key, err);
}

static inline int
snapshots_list(struct snapshots *s, const struct call_ctx *ctx, const struct strv *filters,
               snapshot_info_fn fn, void *arg, struct err *err)
{
    return s->ops->list(s, ctx, filters, fn, arg, err);
}

static inline int
snapshots_cleanup(struct snapshots *s, const struct call_ctx *ctx, struct err *err)
{
    return s->ops->cleanup(s, ctx, err);
}

static inline void
snapshots_free(struct snapshots *s)
{
    if (s)
        s->ops->free(s);
}
DEFINE_AUTO_PTR(snapshots)

/* Pure: a key or name that a containerd's metadata layer has made ("NS/12/NAME"). */
bool snapshot_key_is_containerds(const char *key);
