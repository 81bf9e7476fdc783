/* SPDX-License-Identifier: Apache-2.0 */
/* The data of one write: a file that grows, and the hash of what it holds. */
#pragma once

#include <stdint.h>

#include "blob_store.h"
#include "libross/oci/digest.h"

struct ingest;

/* A saved position: the hash after `offset` bytes. */
struct ingest_state {
    int64_t offset;
    unsigned char state[HASHER_STATE_MAX]; /* hasher_save() */
    size_t n;                              /* 0 = nothing saved */
};

/* A new file. `store` is borrowed. */
int ingest_create(struct blob_store *store, int64_t id, enum digest_alg alg, struct ingest **ret,
                  struct err *err);
/*
 * Opens the file again at a saved position; what lies beyond it is dropped. Nothing is read, unless `alg` is not
 * the saved algorithm: then the bytes up to the position are hashed anew. NotFound or DataLoss: the file does not
 * hold what the state says.
 */
int ingest_resume(struct blob_store *store, int64_t id, const struct ingest_state *at,
                  enum digest_alg alg, struct ingest **ret, struct err *err);
void ingest_free(struct ingest *in);
DEFINE_AUTO_PTR(ingest)

int64_t ingest_id(const struct ingest *in);
int64_t ingest_offset(const struct ingest *in);
/* Of the bytes so far. */
void ingest_digest(const struct ingest *in, struct digest *ret);

/* Appends. On error the position is what it was. The kernel is made to write the data out as it comes in. */
int ingest_write(struct ingest *in, const void *p, size_t n, struct err *err);
/* Back to the beginning. */
int ingest_reset(struct ingest *in, struct err *err);
void ingest_save(const struct ingest *in, struct ingest_state *ret);
/* The bytes so far are on the disk when it returns 0. */
int ingest_sync(struct ingest *in, struct err *err);
/* Hashes the file again with another algorithm. */
int ingest_rehash(struct ingest *in, enum digest_alg alg, struct err *err);
/* Cuts the file to its bytes, makes it read-only and syncs it: ready for blob_store_publish(). */
int ingest_finish(struct ingest *in, struct err *err);

/* Bytes that were read back to be hashed again since the process started. */
int64_t ingest_rehashed_bytes(void);
