/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metadata services over a channel: Images, Containers, Leases, Namespaces, Version, Health (reference section
 * 11).
 */
#pragma once

#include "api/rpc/rpc.h"
#include "libross/contract/records.h"

typedef int (*image_fn)(const struct image *i, void *arg);
typedef int (*container_fn)(const struct container *c, void *arg);
typedef int (*lease_fn)(const struct lease *l, void *arg);
typedef int (*namespace_fn)(const struct namespace_ *n, void *arg);

/* `ret` may be NULL where the answer is not wanted; else it is the caller's to `_done`. mask may be NULL. */
int images_client_get(struct rpc_channel *ch, const struct call_ctx *ctx, const char *name,
                      struct image *ret, struct err *err);
int images_client_list(struct rpc_channel *ch, const struct call_ctx *ctx,
                       const struct strv *filters, image_fn fn, void *arg, struct err *err);
int images_client_create(struct rpc_channel *ch, const struct call_ctx *ctx, const struct image *i,
                         struct image *ret, struct err *err);
int images_client_update(struct rpc_channel *ch, const struct call_ctx *ctx, const struct image *i,
                         const struct strv *mask, struct image *ret, struct err *err);
int images_client_delete(struct rpc_channel *ch, const struct call_ctx *ctx, const char *name,
                         bool sync, struct err *err);

int containers_client_get(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                          struct container *ret, struct err *err);
int containers_client_list(struct rpc_channel *ch, const struct call_ctx *ctx,
                           const struct strv *filters, container_fn fn, void *arg, struct err *err);
int containers_client_create(struct rpc_channel *ch, const struct call_ctx *ctx,
                             const struct container *c, struct container *ret, struct err *err);
int containers_client_update(struct rpc_channel *ch, const struct call_ctx *ctx,
                             const struct container *c, const struct strv *mask,
                             struct container *ret, struct err *err);
int containers_client_delete(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                             struct err *err);

int leases_client_create(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                         const struct labels *labels, struct lease *ret, struct err *err);
int leases_client_delete(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                         bool sync, struct err *err);
int leases_client_list(struct rpc_channel *ch, const struct call_ctx *ctx,
                       const struct strv *filters, lease_fn fn, void *arg, struct err *err);
int leases_client_add_resource(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                               const struct lease_resource *res, struct err *err);

int namespaces_client_list(struct rpc_channel *ch, const struct call_ctx *ctx, namespace_fn fn,
                           void *arg, struct err *err);

/* malloc'ed strings. */
int version_client_get(struct rpc_channel *ch, const struct call_ctx *ctx, char **ret_version,
                       char **ret_revision, struct err *err);
/* 0 when the server answers SERVING for "". */
int health_client_check(struct rpc_channel *ch, const struct call_ctx *ctx, struct err *err);
