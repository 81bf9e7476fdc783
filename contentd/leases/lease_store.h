/* SPDX-License-Identifier: Apache-2.0 */
/* Leases (reference 11.3). Thread safe: each call is a transaction of its own. */
#pragma once

#include "contentd/leases/lease_meta.h"

#define LEASE_RESOURCE_ID_MAX 4096

/* An empty id is replaced by a random one. *ret is the lease as stored. */
int lease_store_create(struct db *db, const char *ns, const char *id, const struct labels *labels,
                       struct lease *ret, struct err *err);
int lease_store_delete(struct db *db, const char *ns, const char *id, struct err *err);
typedef int (*lease_store_fn)(const struct lease *l, void *arg);
int lease_store_list(struct db *db, const char *ns, const struct strv *filters, lease_store_fn fn,
                     void *arg, struct err *err);
int lease_store_add_resource(struct db *db, const char *ns, const char *id,
                             const struct lease_resource *r, struct err *err);
int lease_store_delete_resource(struct db *db, const char *ns, const char *id,
                                const struct lease_resource *r, struct err *err);
int lease_store_list_resources(struct db *db, const char *ns, const char *id, lease_resource_fn fn,
                               void *arg, struct err *err);
/* Pure: InvalidArgument for a malformed type or digest, Unimplemented for an unknown type. */
int lease_resource_check(const struct lease_resource *r, struct err *err);
