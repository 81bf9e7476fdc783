/* SPDX-License-Identifier: Apache-2.0 */
/* Applying a layer blob to mounts (reference 10.1 to 10.4). */
#pragma once

#include "blob_source.h"
#include "libross/archive/decompress.h"
#include "libross/archive/tar_limits.h"
#include "libross/mount/mount.h"
#include "snapshotter-svc/snapshots_local.h"

struct diff_settings {
    struct snapshots_local *snapshots; /* whose directories are recognised; borrowed */
    struct blob_places places;
    const char *tmp_dir;             /* for mounts that cannot be made out of sight; NULL = /tmp */
    const struct tar_limits *limits; /* NULL = defaults */
    const struct decompress_limits *stream_limits; /* likewise */
};

/*
 * Reads the whole blob. `sync` asks that directories which are not ours are flushed too; ours are unless --sync=none.
 *   ret   media type, size and digest of the uncompressed stream
 * Unimplemented for media types that another differ may know. FailedPrecondition, NotFound for the directory of a
 * snapshot of ours that is not active, or is removed meanwhile. Codes of the content store and of tar_apply() else.
 * Nothing stays mounted.
 */
int diff_apply(const struct diff_settings *d, const struct call_ctx *ctx,
               const struct oci_desc *layer, const struct mount_list *mounts, bool sync,
               struct oci_desc *ret, struct err *err);

/* True for the layer types of reference 10.2, encrypted ones excluded. Pure. */
bool diff_media_type_is_layer(const char *media_type);
