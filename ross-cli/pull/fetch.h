/* SPDX-License-Identifier: Apache-2.0 */
/* One blob of an image from the registry into the content store. */
#pragma once

#include "libross/base/buf.h"
#include "ross-cli/pull/job.h"

#define FETCH_NO_LAYER SIZE_MAX

/* Called (any number of times) when bytes begin to come into the store. */
struct fetch_watch {
    void (*on_stream)(void *arg);
    void *arg;
};

/*
 * Makes sure that the blob is in the store: 1 when it was, 0 when it was fetched now. An interrupted ingest goes
 * on where it stopped; when another client writes it, waits for that one.
 *   layer  its line on the board, or FETCH_NO_LAYER
 *   watch  may be NULL
 * DataLoss when the registry's bytes are not the blob's: the ingest is then dropped.
 */
int fetch_blob(struct job *j, const struct oci_desc *d, size_t layer,
               const struct fetch_watch *watch, struct err *err);

/*
 * The bytes of an index, manifest or config, from the store or the registry; *ret_stored says which. Verified. Not
 * stored here, as the labels are not known before it is read.
 */
int fetch_document(struct job *j, const struct oci_desc *d, struct buf *ret, bool *ret_stored,
                   struct err *err);
/* Stores a document, or gives the stored one these labels. `labels` lacks the source, which is added here. */
int fetch_store(struct job *j, const struct oci_desc *d, const struct buf *bytes, bool stored,
                const struct labels *labels, struct err *err);
/* Sets labels of a blob that is there; a blob that is not is no error. */
int fetch_label(struct job *j, const struct digest *d, const struct labels *labels,
                struct err *err);
