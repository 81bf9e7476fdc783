/* SPDX-License-Identifier: Apache-2.0 */
/* Making a layer blob from the difference of two snapshots (reference 10.5). */
#pragma once

#include "diff_apply.h"

struct diff_create_request {
    const struct mount_list *left, *right; /* left may be empty: everything is new */
    const char *media_type;                /* "" = gzip */
    const char *ref;                       /* of the ingest; "" = a random one */
    const struct labels *labels;           /* for the blob */
    bool has_source_epoch;
    int64_t source_epoch_sec;
};

/*
 * Writes the blob through the content service. Unimplemented for media types that are no layers of tar, gzip or zstd.
 * FailedPrecondition when there is no content service to write to.
 */
int diff_create(const struct diff_settings *d, const struct call_ctx *ctx,
                const struct diff_create_request *rq, struct oci_desc *ret, struct err *err);

/* The mounts without a way to write through them: an overlay's upper directory becomes its first layer. Pure. */
struct mount_list diff_readonly(const struct mount_list *mounts);
/*
 * True when `right` is an overlay whose upper directory lies on exactly what `left` shows, so that the difference is
 * what the upper directory holds. Pure.
 */
bool diff_is_upper_of(const struct mount_list *left, const struct mount_list *right);
