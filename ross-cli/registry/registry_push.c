/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/registry/registry_push.h"

#include <assert.h>
#include <string.h>

#include "libross/base/log.h"
#include "libross/base/parse.h"
#include "libross/oci/oci_ref.h"
#include "ross-cli/registry/answer.h"
#include "ross-cli/registry/request.h"
#include "ross-cli/registry/retry.h"

#define CHUNK_BYTES_DEFAULT (16 * 1024 * 1024)
#define CHUNK_BYTES_MAX     (1024 * 1024 * 1024)

struct push {
    struct registry *r;
    const struct oci_ref *ref;
    const struct oci_desc *desc;
    const struct registry_push_options *opt;
    const struct registry_source *source;
    const struct registry_host *host;
    char *scope;
    /* The rest of the piece that the source gave last. */
    const char *piece;
    size_t piece_left;
};

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

static struct request
push_request(const struct push *p, const char *method, const char *path)
{
    return (struct request){.host = p->host,
                            .registry = p->ref->domain,
                            .scope = p->scope,
                            .method = method,
                            .path = path};
}

static int
blob_exists(struct push *p, struct err *err)
{
    AUTO_PTR(http_call) c = NULL;
    char shown[DIGEST_STR_MAX];
    auto_free char *path =
        xasprintf("/%s/blobs/%s", p->ref->path, digest_format(&p->desc->digest, shown));
    struct request q = push_request(p, "HEAD", path);
    int status = request_send(p->r, &q, &c, err);

    if (status < 0)
        return status;
    if (status == 200)
        return 1;
    return status == 404 ? 0 : request_refused(&q, c, status, err);
}

/* The URL where an upload goes on, from an answer to `q`; NULL when there is none that may be used. */
static char *
upload_location(const struct request *q, const struct http_call *c)
{
    const char *location = http_call_header(c, "Location");
    auto_free char *base = request_url(q);
    char *url = location ? http_url_resolve(base, location) : NULL;

    if (url && strncmp(base, "https:", 6) == 0 && strncmp(url, "https:", 6) != 0) {
        free(url);
        url = NULL;
    }
    return url;
}

/* Begins an upload: 1 when the blob is there by a mount, 0 and *ret_url, *ret_min (its smallest chunk). */
static int
upload_begin(struct push *p, bool mount, char **ret_url, int64_t *ret_min, struct err *err)
{
    AUTO_PTR(http_call) c = NULL;
    char shown[DIGEST_STR_MAX];
    auto_free char *from = mount ? http_url_escape(p->opt->mount_from) : NULL;
    auto_free char *path = mount ? xasprintf("/%s/blobs/uploads/?mount=%s&from=%s", p->ref->path,
                                             digest_format(&p->desc->digest, shown), from)
                                 : xasprintf("/%s/blobs/uploads/", p->ref->path);
    struct request q = push_request(p, "POST", path);
    uint64_t min;
    int status = request_send(p->r, &q, &c, err);

    if (status < 0)
        return status;
    if (status == 201 && mount)
        return 1;
    if (status != 202)
        return request_refused(&q, c, status, err);
    *ret_url = upload_location(&q, c);
    if (!*ret_url)
        return err_set(err, CODE_INVALID_ARGUMENT, "registry %s says no place for the upload",
                       p->host->name);
    const char *said = http_call_header(c, "OCI-Chunk-Min-Length");
    *ret_min =
        said && parse_u64(said, &min, NULL) == 0 && min <= CHUNK_BYTES_MAX ? (int64_t) min : 0;
    return 0;
}

/* Exactly `bytes` of the source as the body of a request, as far as the server wants them. The status. */
static int
send_bytes(struct push *p, const struct request *q, int64_t bytes, struct http_call **ret,
           struct err *err)
{
    AUTO_PTR(http_call) c = NULL;
    int rc = request_upload(p->r, q, bytes, &c, err);

    while (rc == 0 && bytes > 0) {
        if (p->piece_left == 0) {
            const void *piece = NULL;
            ssize_t n = p->source->next(p->source->arg, &piece, err);
            if (n < 0)
                return (int) n;
            if (n == 0)
                return err_set(err, CODE_DATA_LOSS, "the blob ends %lld bytes before its size",
                               (long long) bytes);
            p->piece = piece;
            p->piece_left = (size_t) n;
        }
        size_t n = (int64_t) p->piece_left < bytes ? p->piece_left : (size_t) bytes;
        rc = http_call_write(c, p->piece, n, err);
        p->piece += n;
        p->piece_left -= n;
        bytes -= (int64_t) n;
    }
    if (rc >= 0)
        rc = http_call_status(c, err);
    if (rc < 0)
        return err_wrap(err, rc, "registry %s", p->host->name);
    *ret = TAKE(c);
    return rc;
}

static char *
with_digest(const char *url, const struct digest *d)
{
    char shown[DIGEST_STR_MAX];

    return xasprintf("%s%cdigest=%s", url, strchr(url, '?') ? '&' : '?', digest_format(d, shown));
}

/* The whole blob in one PUT. */
static int
upload_whole(struct push *p, const char *url, int *ret_status, struct err *err)
{
    AUTO_PTR(http_call) c = NULL;
    auto_free char *to = with_digest(url, &p->desc->digest);
    struct strv headers = {0};
    struct request q = push_request(p, "PUT", to);

    strv_add(&headers, "Content-Type: application/octet-stream");
    q.headers = &headers;
    int status = send_bytes(p, &q, p->desc->size_bytes, &c, err);
    strv_done(&headers);
    *ret_status = status;
    if (status < 0)
        return status;
    return status == 201 || status == 204 ? 0 : request_refused(&q, c, status, err);
}

/* One PATCH; *url becomes where the next one goes. */
static int
upload_chunk(struct push *p, char **url, int64_t offset, int64_t bytes, int *ret_status,
             struct err *err)
{
    AUTO_PTR(http_call) c = NULL;
    struct strv headers = {0};
    struct request q = push_request(p, "PATCH", *url);

    strv_add(&headers, "Content-Type: application/octet-stream");
    strv_printf(&headers, "Content-Range: %lld-%lld", (long long) offset,
                (long long) (offset + bytes - 1));
    q.headers = &headers;
    int status = send_bytes(p, &q, bytes, &c, err);
    strv_done(&headers);
    *ret_status = status;
    if (status < 0)
        return status;
    if (status != 202 && status != 204)
        return request_refused(&q, c, status, err);
    char *next = upload_location(&q, c);
    if (next) {
        free(*url);
        *url = next;
    }
    return 0;
}

static int
upload_chunks(struct push *p, char **url, int64_t chunk, int *ret_status, struct err *err)
{
    AUTO_PTR(http_call) c = NULL;
    int64_t size = p->desc->size_bytes;

    for (int64_t at = 0; at < size;) {
        int64_t n = size - at < chunk ? size - at : chunk;
        int rc = upload_chunk(p, url, at, n, ret_status, err);
        if (rc < 0)
            return rc;
        at += n;
    }
    auto_free char *to = with_digest(*url, &p->desc->digest);
    struct request q = push_request(p, "PUT", to);
    int status = request_send(p->r, &q, &c, err);
    *ret_status = status;
    if (status < 0)
        return status;
    return status == 201 || status == 204 ? 0 : request_refused(&q, c, status, err);
}

/* One upload from its POST to its end; *ret_status is the last answer's, for the decision about another try. */
static int
upload_once(struct push *p, bool mount, int64_t chunk, bool *ret_mounted, int *ret_status,
            struct err *err)
{
    auto_free char *url = NULL;
    int64_t min = 0;
    int rc = upload_begin(p, mount, &url, &min, err);

    *ret_mounted = rc == 1;
    if (rc != 0)
        return rc < 0 ? rc : 0;
    assert(url);
    p->piece_left = 0;
    rc = p->source->restart(p->source->arg, err);
    if (rc < 0)
        return rc;
    if (chunk == 0)
        return upload_whole(p, url, ret_status, err);
    return upload_chunks(p, &url, chunk > min ? chunk : min, ret_status, err);
}

static int
upload(struct push *p, enum registry_pushed *ret, struct err *err)
{
    struct retry retry = {.left_ms = p->r->retry_wait_max_ms};
    int64_t chunk = p->opt->chunk_bytes;
    bool mount = p->opt->mount_from != NULL, mounted = false;

    for (;;) {
        int status = 0, again = 0, rc = upload_once(p, mount, chunk, &mounted, &status, err);
        struct err ignored = {0};

        if (rc == 0) {
            *ret = mounted ? PUSHED_BY_MOUNT : PUSHED_NOW;
            return 0;
        }
        if (status == 413 && chunk == 0) {
            chunk = CHUNK_BYTES_DEFAULT;
            again = 1;
        } else if (rc == -CODE_UNAVAILABLE || answer_is_temporary(status) || status == 401) {
            again = retry_wait(&retry, p->r->http, -1, &ignored);
        }
        if (again < 0) {
            if (err)
                *err = ignored;
            return again;
        }
        if (!again)
            return rc;
        log_debug("upload failed, trying again", KV_INT("status", status));
    }
}

int
registry_blob_push(struct registry *r, const struct oci_ref *ref, const struct oci_desc *desc,
                   const struct registry_push_options *opt, const struct registry_source *source,
                   enum registry_pushed *ret, struct err *err)
{
    bool mount = opt->mount_from && strcmp(opt->mount_from, ref->path) != 0;
    auto_free char *scope = xasprintf("repository:%s:pull,push", ref->path);
    auto_free char *both =
        mount ? xasprintf("%s repository:%s:pull", scope, opt->mount_from) : NULL;
    struct registry_push_options o = *opt;
    struct push p = {.r = r,
                     .ref = ref,
                     .desc = desc,
                     .opt = &o,
                     .source = source,
                     .scope = mount ? both : scope};
    int rc = push_host(r, ref, &p.host, err);

    if (!mount)
        o.mount_from = NULL;
    if (rc == 0)
        rc = blob_exists(&p, err);
    if (rc == 1)
        *ret = PUSHED_BEFORE;
    return rc == 0 ? upload(&p, ret, err) : rc < 0 ? rc : 0;
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
    struct push p = {.r = r, .ref = ref, .desc = desc, .scope = scope};
    int rc = push_host(r, ref, &p.host, err);

    if (rc < 0)
        return rc;
    strv_printf(&headers, "Content-Type: %s", desc->media_type);
    struct request q = push_request(&p, "PUT", path);
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
        return err_set(err, CODE_DATA_LOSS, "registry %s stored %.100s instead of %s", p.host->name,
                       got, shown);
    return 0;
}
