/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contentd's database, ROOT/contentd.db: its schema, and the columns that several tables share.
 *
 * Times are nanoseconds since 1970, digests are text ("sha256:…"), labels are "key\0value\0…".
 *
 *   namespace       the namespaces that have been used or created
 *   blob            a file below ROOT/content/blobs
 *   content         what a namespace sees of the blobs; a blob without such a row is rubbish. The namespace '' stands
 *                   for the clients that name none and for the plugin socket
 *   ingest          a write that can be resumed: file ROOT/content/ingest/ID
 *   image, container, lease, lease_resource
 *   meta            clean: '1' while no process has the store open
 */
#pragma once

#include "libross/base/labels.h"
#include "libross/db/db_stmt.h"

/* Opens ROOT/contentd.db. *ret_fresh: the file did not exist. */
int contentd_db_open(const char *root, bool no_sync, struct db **ret, bool *ret_fresh,
                     struct err *err);

/* A labels column: malloc'ed bytes. */
void *contentd_db_pack_labels(const struct labels *l, size_t *ret_n);
/* Of column `col` of the current row. Broken bytes give the labels before them. */
struct labels contentd_db_labels(struct db_stmt *q, int col);

/* Makes the row of a namespace when it is missing. */
int contentd_db_use_ns(struct db_txn *t, const char *ns, struct err *err);

int contentd_db_meta_get(struct db_txn *t, const char *key, char **ret, struct err *err);
int contentd_db_meta_set(struct db_txn *t, const char *key, const char *value, struct err *err);
