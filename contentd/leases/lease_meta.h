/* SPDX-License-Identifier: Apache-2.0 */
/* Leases as rows: what they are and what they hold. */
#pragma once

#include "contentd/store/contentd_db.h"
#include "libross/base/call_ctx.h"
#include "libross/contract/records.h"

#define LEASE_CONTENT          "content"    /* id: digest */
#define LEASE_INGESTS          "ingests"    /* id: ref */
#define LEASE_IMAGES           "images"     /* id: name */
#define LEASE_SNAPSHOTS_PREFIX "snapshots/" /* "snapshots/NAME", id: key */

/* NotFound. */
int lease_meta_check(struct db_txn *t, const char *ns, const char *id, struct err *err);
int lease_meta_create(struct db_txn *t, const char *ns, const struct lease *l, struct err *err);
int lease_meta_delete(struct db_txn *t, const char *ns, const char *id, struct err *err);
/* Up to `max` leases with an id after `after`, in order. */
int lease_meta_page(struct db_txn *t, const char *ns, const char *after, size_t max,
                    struct lease *ret, size_t *ret_n, struct err *err);

/* An object held twice is held once. NotFound when there is no such lease. */
int lease_meta_hold(struct db_txn *t, const char *ns, const char *lease, const char *type,
                    const char *id, struct err *err);
/* As lease_meta_hold for the lease of a call, which may have none (NULL or ""). */
int lease_meta_hold_for_call(struct db_txn *t, const char *ns, const struct call_ctx *ctx,
                             const char *type, const char *id, struct err *err);
/* What is not held is fine. */
int lease_meta_drop(struct db_txn *t, const char *ns, const char *lease, const char *type,
                    const char *id, struct err *err);
typedef int (*lease_resource_fn)(const struct lease_resource *r, void *arg, struct err *err);
int lease_meta_each_resource(struct db_txn *t, const char *ns, const char *lease,
                             lease_resource_fn fn, void *arg, struct err *err);
