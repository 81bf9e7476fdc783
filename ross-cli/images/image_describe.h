/* SPDX-License-Identifier: Apache-2.0 */
/* What there is to say about an image, as JSON: in the shape that docker's `image inspect` has, and its history. */
#pragma once

#include "libross/json/json.h"
#include "ross-cli/images/image_set.h"
#include "ross-cli/run/image_open.h"

/*
 * One object: docker's fields, and under "Ross" what docker has no field for (name, manifest, chain id, blobs, labels
 * of the record). names: all of the target's, for RepoTags and RepoDigests. The caller's to free.
 */
struct json *image_describe(const struct image *image, const struct image_view *view,
                            const struct strv *names);
/* The names of all records that point where `image` does, sorted. */
int image_names(struct session *s, const struct image *image, struct strv *ret, struct err *err);

/*
 * Rows, newest first: id, created, createdBy, size, compressed, comment, emptyLayer. size is what a layer takes
 * on disk (null when it is not unpacked), compressed the size of its blob. Layers that the history does not name
 * come as rows of their own.
 */
struct json *image_history(const struct image_view *view, const int64_t *unpacked_bytes);
/* unpacked_bytes[i] of layer i, -1 when it has no snapshot; room for manifest.n_layers. */
int image_layers_usage(struct session *s, const struct image_view *view, int64_t *ret,
                       struct err *err);
