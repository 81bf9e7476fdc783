/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of OCI distribution registries: names to descriptors, manifests and blobs as bytes. It authenticates,
 * follows redirects, retries what is worth it (429, 5xx, connection errors; bounded, Retry-After obeyed) and
 * checks what it is told. All functions may be called from several threads at once; they block. A stream belongs
 * to one thread.
 *
 * Errors are one sentence naming the registry and the object: NotFound (404), Unauthenticated (401),
 * PermissionDenied (403), ResourceExhausted (429 for too long, answers beyond a limit), Unavailable (cannot be
 * reached, 5xx), DataLoss (bytes that are not what the digest or size promises), InvalidArgument (answers that
 * make no sense), FailedPrecondition (an untrusted certificate, a redirect to plain http, a credential helper that
 * fails), Canceled.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "libross/base/buf.h"
#include "libross/base/err.h"
#include "libross/base/mem.h"
#include "libross/base/strv.h"
#include "libross/oci/oci_desc.h"

struct oci_ref;
struct registry;
struct registry_stream;

/* Everything is borrowed for registry_new only; zeroed are the defaults. */
struct registry_options {
    bool plain_http;  /* http instead of https, for every host without a hosts.toml */
    bool skip_verify; /* https without checking certificates */
    const char *user; /* credentials given on the command line; NULL = docker's config file */
    const char *password;
    const char *
        hosts_dirs; /* colon separated (reference 13.1); NULL = $ROSS_HOSTS_DIRS, else those of hosts.h */
    const char *docker_config; /* directory; NULL = $DOCKER_CONFIG, else ~/.docker */
    int64_t
        retry_wait_max_ms; /* longest total wait of one request for a registry that says "later"; 0 = 60 s */
};

/* Cheap: nothing is loaded or connected before the first request. */
int registry_new(const struct registry_options *opt, struct registry **ret, struct err *err);
void registry_free(struct registry *r); /* NULL is fine; no call may be running */
DEFINE_AUTO_PTR(registry)
/* Makes every running and later call fail with Canceled. */
void registry_cancel(struct registry *r);
/* Takes that back when no call is running. */
void registry_reset(struct registry *r);

/* The descriptor behind a tag or digest: media type, digest, size. */
int registry_resolve(struct registry *r, const struct oci_ref *ref, struct oci_desc *ret,
                     struct err *err);
/* A manifest or index by its descriptor, at most MANIFEST_SIZE_MAX bytes, size and digest verified. */
int registry_fetch_manifest(struct registry *r, const struct oci_ref *ref,
                            const struct oci_desc *desc, struct buf *ret, struct err *err);
/*
 * A blob from `offset` on. The bytes are not hashed here (the content store does); never more than
 * desc->size_bytes - offset are delivered. A registry that ignores ranges is read from the start.
 */
int registry_blob_open(struct registry *r, const struct oci_ref *ref, const struct oci_desc *desc,
                       int64_t offset, struct registry_stream **ret, struct err *err);
/* Up to n bytes: the count, 0 at the end, negative code (Unavailable: worth another registry_blob_open). */
ssize_t registry_stream_read(struct registry_stream *s, void *p, size_t n, struct err *err);
void registry_stream_free(struct registry_stream *s); /* NULL is fine */
DEFINE_AUTO_PTR(registry_stream)
