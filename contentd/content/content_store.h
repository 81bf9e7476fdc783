/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the local content store share; private to contentd/content. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "content_local.h"
#include "content_meta.h"
#include "ingest_table.h"
#include "libross/base/boot_id.h"

#define DIGEST_LOCKS    64
#define CONTENT_REF_MAX 4096 /* bytes of a ref; metadata layers prefix theirs */

struct content_store {
    struct db *db;
    struct blob_store *files;
    struct ingest_table *open;
    atomic_int_fast64_t last_ingest_id;
    char boot[BOOT_ID_BYTES]; /* id of the running kernel's start */
    /*
     * The holder alone publishes or removes blobs whose digest falls on this lock, so that a file never vanishes
     * behind a fresh row. Taken before the database's write transaction.
     */
    pthread_mutex_t digest_locks[DIGEST_LOCKS];
    struct verified *verified; /* NULL: reads are not verified */
};

/* verify.c: DataLoss when the bytes behind fd are not what the digest says. */
int content_store_verify(struct content_store *s, const struct digest *d, int fd, struct err *err);
void verified_free(struct verified *v);

struct content_local {
    struct content base;
    struct content_store *store;
    bool plain;
};

/* The namespace of a call in this view: "" = plain. InvalidArgument when it is no name. */
int content_local_ns(const struct content_local *l, const struct call_ctx *ctx, const char **ret_ns,
                     struct err *err);
/* content_writer.c */
int content_local_writer_open(struct content *c, const struct call_ctx *ctx,
                              const struct content_writer_open *open, struct content_writer **ret,
                              struct err *err);
/*
 * What this view has of the blob. The plain view takes up a blob that only others have (then a second, writing
 * transaction is made). NotFound otherwise.
 */
int content_local_find(struct content_store *s, const char *ns, const struct digest *d,
                       struct content_info *ret, struct err *err);
