/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The content contract over files and database: contentd's own store.
 *
 * Two views of the same files:
 *
 *   named    a call with a namespace sees what that namespace has written or shares, with its own labels and times, as
 *            behind containerd's metadata layer. A blob that another namespace has already is not written again: its
 *            writer starts complete (containerd's sharing policy "shared").
 *   plain    a call without a namespace, and every call of a plugin socket: as containerd's plain local store, for
 *            a containerd that keeps names, labels and leases itself. Info and reading reach every blob (what is asked
 *            for is kept for this view from then on), listings and deletes only what was written or asked for through
 *            this view, so that a containerd's garbage collection does not take what belongs to others.
 */
#pragma once

#include "blob_store.h"
#include "libross/contract/content.h"
#include "libross/db/db.h"

struct content_store;

/*
 * Borrows the database. Collects what a crash left: files of ingests without a row and rows without a file; after an
 * unclean end also blobs without a row, unless `fresh` says that the database was just made.
 */
int content_store_open(const char *root, struct db *db, bool fresh, struct content_store **ret,
                       struct err *err);
/*
 * At the end of the process, when no call is running: what uncommitted writes hold is made durable, so that it can be
 * resumed after a reboot.
 */
void content_store_close(struct content_store *s);

/* `plain`: every call is of the plain view. The store must outlive it. */
struct content *content_local_new(struct content_store *s, bool plain);

/*
 * Blobs are hashed when they are opened for reading for the first time since the start (or since their file
 * changed).
 */
void content_store_verify_reads(struct content_store *s);

struct blob_store *content_store_files(struct content_store *s);
/*
 * Makes room for a removal (or publishing) of this digest alone; no other lock may be taken by the holder but the
 * database.
 */
void content_store_lock_digest(struct content_store *s, const struct digest *d);
void content_store_unlock_digest(struct content_store *s, const struct digest *d);
/*
 * Takes a blob from one namespace, and the file when it was the last one that saw it. NotFound as
 * content_meta_delete.
 */
int content_store_delete(struct content_store *s, const char *ns, const struct digest *d,
                         bool *ret_last, struct err *err);
/* Drops an ingest even while it is open. *ret_found: there was one. */
int content_store_abort(struct content_store *s, const char *ns, const char *ref, bool *ret_found,
                        struct err *err);
/* Yes when a writer has the ref open. */
bool content_store_is_writing(struct content_store *s, const char *ns, const char *ref);
