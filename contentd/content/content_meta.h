/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs and ingests as rows. Namespaces: what one sees of a blob (times, labels) is its own row; the namespace ''
 * belongs to clients that name none. A blob's last row takes the blob's own row with it.
 */
#pragma once

#include "contentd/store/contentd_db.h"
#include "ingest.h"
#include "libross/contract/content.h"

#define CONTENT_PAGE 256 /* rows read at a time by listings */

/* What the namespace sees: NotFound when it has no row. */
int content_meta_info(struct db_txn *t, const char *ns, const struct digest *d,
                      struct content_info *ret, struct err *err);
/* Of the blob, whoever sees it: NotFound. */
int content_meta_blob(struct db_txn *t, const struct digest *d, int64_t *ret_size,
                      int64_t *ret_created_ns, struct err *err);
/* The blob's row (when missing) and the namespace's. AlreadyExists when the namespace has it. */
int content_meta_add(struct db_txn *t, const char *ns, const struct content_info *info,
                     struct err *err);
int content_meta_set_labels(struct db_txn *t, const char *ns, const struct digest *d,
                            const struct labels *labels, int64_t updated_ns, struct err *err);
/* NotFound when the namespace has no row. *ret_last: nobody sees the blob any more and its row is gone too. */
int content_meta_delete(struct db_txn *t, const char *ns, const struct digest *d, bool *ret_last,
                        struct err *err);
/* Up to CONTENT_PAGE of a namespace's blobs after `after` ("" = from the start), in order of their text. */
int content_meta_page(struct db_txn *t, const char *ns, const char *after, struct content_info *ret,
                      size_t *ret_n, struct err *err);
/* Drops all holds of leases on it. */
int content_meta_unhold(struct db_txn *t, const char *ns, const char *type, const char *id,
                        struct err *err);

/* A write that can be resumed. */
struct ingest_row {
    int64_t id;
    char *ns, *ref;
    int64_t total;
    struct digest expected;
    int64_t started_ns, updated_ns;
    struct ingest_state
        state;  /* after everything written; counts while `boot` is the running kernel's id */
    char *boot; /* "" when the state is also on the disk */
    struct ingest_state synced; /* what is on the disk for sure */
};
void ingest_row_done(struct ingest_row *row);

int content_meta_ingest_get(struct db_txn *t, const char *ns, const char *ref,
                            struct ingest_row *ret, struct err *err);
/* Makes the row or replaces it. */
int content_meta_ingest_put(struct db_txn *t, const struct ingest_row *row, struct err *err);
/* Missing is fine: returns whether there was one. */
int content_meta_ingest_delete(struct db_txn *t, const char *ns, const char *ref, struct err *err);
/* Rows with an id after `after`, of one namespace or (ns NULL) of all, up to CONTENT_PAGE. */
int content_meta_ingest_page(struct db_txn *t, const char *ns, int64_t after,
                             struct ingest_row *ret, size_t *ret_n, struct err *err);
