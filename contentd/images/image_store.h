/* SPDX-License-Identifier: Apache-2.0 */
/* Images as rows (reference 11.1). Thread safe: each call is a transaction of its own. */
#pragma once

#include "contentd/store/contentd_db.h"
#include "libross/base/call_ctx.h"
#include "libross/contract/records.h"

#define IMAGE_NAME_MAX 4096

int image_store_get(struct db *db, const char *ns, const char *name, struct image *ret,
                    struct err *err);
typedef int (*image_store_fn)(const struct image *i, void *arg);
int image_store_list(struct db *db, const char *ns, const struct strv *filters, image_store_fn fn,
                     void *arg, struct err *err);
/*
 * now_ns becomes created and updated. An image with an expiry is held by the lease of the call, as containerd does.
 * *ret is the record as stored.
 */
int image_store_create(struct db *db, const char *ns, const struct call_ctx *ctx,
                       const struct image *i, int64_t now_ns, struct image *ret, struct err *err);
int image_store_update(struct db *db, const char *ns, const struct image *i,
                       const struct strv *mask, int64_t now_ns, struct image *ret, struct err *err);
/* target unset: whatever it is; else NotFound when the image points elsewhere. */
int image_store_delete(struct db *db, const char *ns, const char *name, const struct digest *target,
                       struct err *err);
