/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One blob on its way into a registry: the session that a POST opens, its pieces, its end. Whether it is worth another
 * try is the caller's to say. Inside registry/ only.
 */
#pragma once

#include "ross-cli/registry/registry_push.h"
#include "ross-cli/registry/request.h"
#include "ross-cli/registry/retry.h"

struct upload {
    struct registry *r;
    const struct oci_ref *ref;
    const struct oci_desc *desc;
    const struct registry_source *source;
    const struct registry_host *host;
    const char *scope;
    struct retry retry; /* of everything that is tried for this blob */

    char *url;              /* where it goes on; owned */
    int64_t at;             /* bytes that the server has */
    int64_t chunk_min;      /* the smallest piece that the server takes */
    int status;             /* of the last answer to a piece or to the end; 0 = none came */
    int64_t again_after_ms; /* what it said of coming back; -1 = nothing */
};
void upload_done(struct upload *u);

/* A request for the blob's registry. */
struct request upload_request(const struct upload *u, const char *method, const char *path);
/*
 * Opens a session: 0. With `mount_from`, a repository of the same registry, 1 when the blob is there without one.
 * Any code when the registry refuses.
 */
int upload_begin(struct upload *u, const char *mount_from, struct err *err);
/* The whole blob in one. */
int upload_whole(struct upload *u, struct err *err);
/* In pieces of `chunk_bytes`; one that fails goes on where the server says that it is. */
int upload_chunks(struct upload *u, int64_t chunk_bytes, struct err *err);
/* A failure `rc` that another try may mend: after the pause that the server asks for 1; 0 when not; Canceled. */
int upload_wait(struct upload *u, int rc, struct err *err);
