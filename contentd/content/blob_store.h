/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of the store; no database here.
 *
 *   ROOT/content/blobs/ALG/HEX   blobs, read-only, complete since they have this name
 *   ROOT/content/ingest/ID       data of the ingest with this row number
 *   ROOT/content/growing/ALG-HEX symbolic link to the ingest that is being written and is to become this blob: whoever
 *                                reads on this host can follow it (snapshotter-svc/diff/blob_source.c)
 *
 * Thread safe. Who publishes and who removes one digest at the same time must agree elsewhere (content_local.c).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libross/oci/digest.h"
#include "side_write.h"

struct blob_store;

/* Makes the directories when missing (0700). */
int blob_store_open(const char *root, struct blob_store **ret, struct err *err);
void blob_store_close(struct blob_store *s);

/* Read-only. NotFound when there is no such file. *ret_size from fstat. */
int blob_store_read(struct blob_store *s, const struct digest *d, int *ret_fd, int64_t *ret_size,
                    struct err *err);
bool blob_store_has(struct blob_store *s, const struct digest *d);
/* A missing file is fine. */
int blob_store_remove(struct blob_store *s, const struct digest *d, struct err *err);

/*
 * Makes (excl) or opens the data file of an ingest for reading and writing. NotFound when it must exist and does
 * not.
 */
int blob_store_ingest_open(struct blob_store *s, int64_t id, bool create, int *ret_fd,
                           struct err *err);
/* The threads that write to ingests beside the hashing. */
struct side_write *blob_store_side(struct blob_store *s);
int blob_store_ingest_remove(struct blob_store *s, int64_t id, struct err *err);
/*
 * Gives the data of an ingest its name as a blob, durably (the data itself must have been synced). An existing file of
 * that name is replaced. NotFound: the ingest's file is gone.
 */
int blob_store_publish(struct blob_store *s, int64_t id, const struct digest *d, struct err *err);

/* Says where the bytes of a blob are while they come. Only a convenience for readers: failures do not matter. */
void blob_store_growing_add(struct blob_store *s, int64_t id, const struct digest *d);
/* Takes that back, unless another ingest has said so since. */
void blob_store_growing_remove(struct blob_store *s, int64_t id, const struct digest *d);
/* Takes everything back that a process before us said. */
void blob_store_growing_clear(struct blob_store *s);

/* fn for each file; names that are no digests or numbers are given as they are, with d unset or id -1. */
typedef int (*blob_store_blob_fn)(const struct digest *d, const char *path, void *arg,
                                  struct err *err);
typedef int (*blob_store_ingest_fn)(int64_t id, const char *path, void *arg, struct err *err);
int blob_store_each_blob(struct blob_store *s, blob_store_blob_fn fn, void *arg, struct err *err);
int blob_store_each_ingest(struct blob_store *s, blob_store_ingest_fn fn, void *arg,
                           struct err *err);
/* Removes by the path that each_ gave, relative to ROOT/content. */
int blob_store_remove_path(struct blob_store *s, const char *path, struct err *err);
