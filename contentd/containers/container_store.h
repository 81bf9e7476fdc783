/* SPDX-License-Identifier: Apache-2.0 */
/* Containers as rows (reference 11.2). Thread safe: each call is a transaction of its own. */
#pragma once

#include "contentd/store/contentd_db.h"
#include "libross/contract/records.h"

#define CONTAINER_SPEC_MAX (8 * 1024 * 1024) /* bytes of a spec, or of an option or extension */

int container_store_get(struct db *db, const char *ns, const char *id, struct container *ret,
                        struct err *err);
typedef int (*container_store_fn)(const struct container *c, void *arg);
int container_store_list(struct db *db, const char *ns, const struct strv *filters,
                         container_store_fn fn, void *arg, struct err *err);
/* *ret is the record as stored, with its times. */
int container_store_create(struct db *db, const char *ns, const struct container *c,
                           struct container *ret, struct err *err);
int container_store_update(struct db *db, const char *ns, const struct container *c,
                           const struct strv *mask, struct container *ret, struct err *err);
int container_store_delete(struct db *db, const char *ns, const char *id, struct err *err);
