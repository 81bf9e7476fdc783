/* SPDX-License-Identifier: Apache-2.0 */
/* An image of the content store into a registry. */
#pragma once

#include "ross-cli/pull/pull.h"

struct push_options {
    const char *image;     /* name of the record, as typed */
    const char *reference; /* where to; NULL = what `image` says */
    const struct oci_platform
        *platform;        /* only this one's manifest; NULL = all that an index has here */
    unsigned uploads_max; /* blobs on their way at once; 0 = PUSH_UPLOADS_DEFAULT */
    int64_t chunk_bytes;  /* 0 = blobs in one request where the registry takes them so */
    pull_event_fn on_event;
    void *on_event_arg;
    const atomic_bool *cancelled;
};
#define PUSH_UPLOADS_DEFAULT 4

struct push_result {
    char *name;                        /* normalised reference that was written */
    struct oci_desc target;            /* what it points at now */
    size_t uploaded, mounted, existed; /* blobs */
    int64_t uploaded_bytes;
};
void push_result_done(struct push_result *r);

/*
 * Blobs first, then manifests, then what the tag names. Blobs that the repository has are left alone; what came
 * from another repository of the same registry is mounted from there. An index of which this store has only some
 * platforms is not pushed: the manifest of `platform` (or this machine's) is, under the same name.
 * Non-distributable layers stay here.
 *
 * NotFound when the image or a blob of it is not in the store; else the codes of registry.h.
 */
int push_image(const struct pull_services *svc, struct registry *registry,
               const struct push_options *opt, struct push_result *ret, struct err *err);
