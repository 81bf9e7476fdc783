/* SPDX-License-Identifier: Apache-2.0 */
/* The Diff service over a channel. */
#pragma once

#include "api/rpc/rpc.h"
#include "libross/mount/mount.h"
#include "libross/oci/oci_desc.h"

/* ret_applied: media type, size and digest of the uncompressed stream (reference 10.1). */
int diff_client_apply(struct rpc_channel *ch, const struct call_ctx *ctx,
                      const struct oci_desc *layer, const struct mount_list *mounts, bool sync_fs,
                      struct oci_desc *ret_applied, struct err *err);
/* Makes a layer blob of the difference lower → upper (reference 10.5). */
int diff_client_create(struct rpc_channel *ch, const struct call_ctx *ctx,
                       const struct mount_list *lower, const struct mount_list *upper,
                       const char *media_type, const char *ref, const struct labels *labels,
                       struct oci_desc *ret, struct err *err);
