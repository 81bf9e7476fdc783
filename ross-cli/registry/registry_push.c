/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/registry/registry_push.h"

#include <string.h>

#include "libross/base/log.h"
#include "libross/oci/oci_ref.h"
#include "ross-cli/registry/upload.h"

#define CHUNK_BYTES_DEFAULT (16 * 1024 * 1024) /* where a whole blob is too large */

/* The registry itself: mirrors are not written to unless they are said to take it, and then instead. */
static int
push_host(struct registry *r, const struct oci_ref *ref, const struct registry_host **ret,
          struct err *err)
{
    const struct registry_hosts *hosts = NULL;
    int rc = request_hosts(r, ref->domain, &hosts, err);

    for (size_t i = hosts ? hosts->n : 0; rc == 0 && i-- > 0;)
        if (hosts->items[i].able & HOST_PUSH) {
            *ret = &hosts->items[i];
            return 0;
        }
    return rc < 0 ? rc
                  : err_set(err, CODE_FAILED_PRECONDITION, "no server of %s is configured for push",
                            ref->domain);
}

static int
blob_exists(const struct upload *u, struct err *err)
{
    AUTO_PTR(http_call) c = NULL;
    char shown[DIGEST_STR_MAX];
    auto_free char *path =
        xasprintf("/%s/blobs/%s", u->ref->path, digest_format(&u->desc->digest, shown));
    struct request q = upload_request(u, "HEAD", path);
    int status = request_send(u->r, &q, &c, err);

    if (status < 0)
        return status;
    if (status == 200)
        return 1;
    return status == 404 ? 0 : request_refused(&q, c, status, err);
}

/*
 * 1 when the registry has it from another repository. It is a favour: one that does not know of it, or does not let
 * us read there, is sent the blob.
 */
static int
mount_blob(struct upload *u, const char *from, struct err *err)
{
    auto_free char *both = xasprintf("%s repository:%s:pull", u->scope, from);
    const char *own = u->scope;
    struct err refused = {0};
    int rc;

    u->scope = both;
    rc = upload_begin(u, from, &refused);
    u->scope = own;
    if (rc >= 0)
        return rc;
    if (rc == -CODE_CANCELED || rc == -CODE_UNAVAILABLE || rc == -CODE_RESOURCE_EXHAUSTED) {
        if (err)
            *err = refused;
        return rc;
    }
    log_debug("not mounted, sending it", KV_STR("why", refused.msg));
    return upload_begin(u, NULL, err);
}

/* From its POST to its end; *ret_mounted when that was not needed. */
static int
upload_once(struct upload *u, const char *mount_from, int64_t chunk_bytes, bool *ret_mounted,
            struct err *err)
{
    int rc = mount_from ? mount_blob(u, mount_from, err) : upload_begin(u, NULL, err);

    *ret_mounted = rc == 1;
    if (rc != 0)
        return rc < 0 ? rc : 0;
    return chunk_bytes ? upload_chunks(u, chunk_bytes, err) : upload_whole(u, err);
}

static int
upload_blob(struct upload *u, const struct registry_push_options *opt, enum registry_pushed *ret,
            struct err *err)
{
    int64_t chunk = opt->chunk_bytes;

    for (;;) {
        struct err ignored = {0};
        bool mounted = false;
        int again, rc = upload_once(u, opt->mount_from, chunk, &mounted, err);

        if (rc == 0) {
            *ret = mounted ? PUSHED_BY_MOUNT : PUSHED_NOW;
            return 0;
        }
        if (u->status == 413 && chunk == 0) {
            chunk = CHUNK_BYTES_DEFAULT;
            continue;
        }
        again = upload_wait(u, rc, &ignored);
        if (again < 0 && err)
            *err = ignored;
        if (again <= 0)
            return again < 0 ? again : rc;
        log_debug("upload failed, trying again", KV_INT("status", u->status));
        /* What broke may have been the answer alone. */
        rc = blob_exists(u, err);
        *ret = PUSHED_NOW;
        if (rc != 0)
            return rc < 0 ? rc : 0;
    }
}

int
registry_blob_push(struct registry *r, const struct oci_ref *ref, const struct oci_desc *desc,
                   const struct registry_push_options *opt, const struct registry_source *source,
                   enum registry_pushed *ret, struct err *err)
{
    auto_free char *scope = xasprintf("repository:%s:pull,push", ref->path);
    struct registry_push_options o = *opt;
    struct upload u = {.r = r,
                       .ref = ref,
                       .desc = desc,
                       .source = source,
                       .scope = scope,
                       .retry = {.left_ms = r->retry_wait_max_ms}};
    int rc = push_host(r, ref, &u.host, err);

    if (o.mount_from && strcmp(o.mount_from, ref->path) == 0)
        o.mount_from = NULL;
    if (rc == 0)
        rc = blob_exists(&u, err);
    if (rc == 1)
        *ret = PUSHED_BEFORE;
    if (rc == 0)
        rc = upload_blob(&u, &o, ret, err);
    upload_done(&u);
    return rc < 0 ? rc : 0;
}

int
registry_manifest_push(struct registry *r, const struct oci_ref *ref, const struct oci_desc *desc,
                       const void *bytes, size_t n, const char *tag, struct err *err)
{
    AUTO_PTR(http_call) c = NULL;
    char shown[DIGEST_STR_MAX];
    auto_free char *scope = xasprintf("repository:%s:pull,push", ref->path);
    auto_free char *path =
        xasprintf("/%s/manifests/%s", ref->path, tag ? tag : digest_format(&desc->digest, shown));
    struct strv headers = {0};
    struct upload u = {.r = r, .ref = ref, .desc = desc, .scope = scope};
    int rc = push_host(r, ref, &u.host, err);

    if (rc < 0)
        return rc;
    strv_printf(&headers, "Content-Type: %s", desc->media_type);
    struct request q = upload_request(&u, "PUT", path);
    q.headers = &headers;
    q.body = bytes;
    q.body_bytes = n;
    int status = request_send(r, &q, &c, err);
    strv_done(&headers);
    if (status < 0)
        return status;
    if (status != 201 && status != 202 && status != 204 && status != 200)
        return request_refused(&q, c, status, err);
    const char *got = http_call_header(c, "Docker-Content-Digest");
    if (got && strcmp(got, digest_format(&desc->digest, shown)) != 0)
        return err_set(err, CODE_DATA_LOSS, "registry %s stored %.100s instead of %s", u.host->name,
                       got, shown);
    return 0;
}
