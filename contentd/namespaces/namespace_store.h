/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces as rows (reference 11.4). Thread safe: each call is a transaction of its own. */
#pragma once

#include "contentd/store/contentd_db.h"
#include "libross/contract/records.h"

/* An unknown namespace has no labels; that is no error. */
int namespace_store_get(struct db *db, const char *name, struct namespace_ *ret, struct err *err);
typedef int (*namespace_store_fn)(const struct namespace_ *n, void *arg);
int namespace_store_list(struct db *db, namespace_store_fn fn, void *arg, struct err *err);
int namespace_store_create(struct db *db, const struct namespace_ *n, struct err *err);
/* Only "labels.KEY" paths, or none for all labels. */
int namespace_store_update(struct db *db, const struct namespace_ *n, const struct strv *mask,
                           struct namespace_ *ret, struct err *err);
/* FailedPrecondition naming what the namespace still holds. */
int namespace_store_delete(struct db *db, const char *name, struct err *err);
