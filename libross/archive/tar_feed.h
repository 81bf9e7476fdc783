/* SPDX-License-Identifier: Apache-2.0 */
/* A compressed stream, read, inflated and hashed ahead of whoever takes it apart. */
#pragma once

#include <stdatomic.h>

#include "libross/archive/decompress.h"
#include "libross/oci/digest.h"

struct tar_feed;

/*
 * Starts the threads. `in` is theirs until tar_feed_free. cancelled may be NULL; when it becomes true the next piece is
 * the error Canceled. ResourceExhausted when there can be no thread.
 */
int tar_feed_new(struct decompress *in, const atomic_bool *cancelled, struct tar_feed **ret,
                 struct err *err);
/* The next piece of the uncompressed stream; a tar_source_fn. */
ssize_t tar_feed_next(void *feed, const unsigned char **ret_piece, struct err *err);
/* After the end: digest and length of everything. */
void tar_feed_result(struct tar_feed *f, struct digest *ret_sha256, uint64_t *ret_bytes);
/* Stops the threads (waiting for a read of the source to return) and frees. NULL is fine. */
void tar_feed_free(struct tar_feed *f);
DEFINE_AUTO_PTR(tar_feed)
