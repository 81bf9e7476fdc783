/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/registry/upload.h"

#include <assert.h>
#include <string.h>
#include <time.h>

#include "libross/base/parse.h"
#include "libross/oci/oci_ref.h"
#include "ross-cli/registry/answer.h"

#define CHUNK_MIN_MAX (1024 * 1024 * 1024) /* larger wishes of a server are not obeyed */

void
upload_done(struct upload *u)
{
    free(u->url);
    u->url = NULL;
}

struct request
upload_request(const struct upload *u, const char *method, const char *path)
{
    return (struct request){.host = u->host,
                            .registry = u->ref->domain,
                            .scope = u->scope,
                            .method = method,
                            .path = path};
}

/* ---- the session ---- */

/* The URL that an answer to `q` leads to; NULL when there is none that may be used. */
static char *
location_of(const struct request *q, const struct http_call *c)
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

/* Where the session goes on, when the answer says so. */
static void
note_location(struct upload *u, const struct request *q, const struct http_call *c)
{
    char *next = location_of(q, c);

    if (!next)
        return;
    free(u->url);
    u->url = next;
}

static char *
begin_path(const struct upload *u, const char *mount_from)
{
    char shown[DIGEST_STR_MAX];
    auto_free char *from = mount_from ? http_url_escape(mount_from) : NULL;

    return from ? xasprintf("/%s/blobs/uploads/?mount=%s&from=%s", u->ref->path,
                            digest_format(&u->desc->digest, shown), from)
                : xasprintf("/%s/blobs/uploads/", u->ref->path);
}

int
upload_begin(struct upload *u, const char *mount_from, struct err *err)
{
    AUTO_PTR(http_call) c = NULL;
    auto_free char *path = begin_path(u, mount_from);
    struct request q = upload_request(u, "POST", path);
    uint64_t min;
    int status = request_send(u->r, &q, &c, err);

    u->status = 0;
    u->again_after_ms = -1;
    u->at = 0;
    if (status < 0)
        return status;
    if (status == 201 && mount_from)
        return 1;
    if (status != 202)
        return request_refused(&q, c, status, err);
    free(u->url);
    u->url = location_of(&q, c);
    if (!u->url)
        return err_set(err, CODE_INVALID_ARGUMENT, "registry %s says no place for the upload",
                       u->host->name);
    const char *said = http_call_header(c, "OCI-Chunk-Min-Length");
    u->chunk_min =
        said && parse_u64(said, &min, NULL) == 0 && min <= CHUNK_MIN_MAX ? (int64_t) min : 0;
    return 0;
}

/* The session has all: the blob is there under its digest, and under no other. */
static int
ended(const struct upload *u, const struct request *q, struct http_call *c, int status,
      struct err *err)
{
    const char *got = http_call_header(c, "Docker-Content-Digest");
    char shown[DIGEST_STR_MAX];

    if (status != 201 && status != 204)
        return request_refused(q, c, status, err);
    digest_format(&u->desc->digest, shown);
    return !got || strcmp(got, shown) == 0
               ? 0
               : err_set(err, CODE_DATA_LOSS, "registry %s stored %.100s instead of %s",
                         u->host->name, got, shown);
}

static char *
with_digest(const char *url, const struct digest *d)
{
    char shown[DIGEST_STR_MAX];

    return xasprintf("%s%cdigest=%s", url, strchr(url, '?') ? '&' : '?', digest_format(d, shown));
}

/* ---- bytes ---- */

/* `bytes` of the source, which stands there, as the body of a call, as far as the server wants them. */
static int
send_body(struct upload *u, struct http_call *c, int64_t bytes, struct err *err)
{
    int rc = 0;

    while (rc == 0 && bytes > 0) {
        const void *piece = NULL;
        ssize_t n = u->source->next(u->source->arg, &piece, err);
        if (n < 0)
            return (int) n;
        if (n == 0)
            return err_set(err, CODE_DATA_LOSS, "the blob ends %lld bytes before its size",
                           (long long) bytes);
        n = n < bytes ? n : (ssize_t) bytes;
        rc = http_call_write(c, piece, (size_t) n, err);
        bytes -= n;
    }
    return rc < 0 ? err_wrap(err, rc, "registry %s", u->host->name) : 0;
}

/* `bytes` from u->at on, once. The status. */
static int
send_once(struct upload *u, const struct request *q, int64_t bytes, struct http_call **ret,
          struct err *err)
{
    AUTO_PTR(http_call) c = NULL;
    int rc = u->source->seek(u->source->arg, u->at, err);

    if (rc == 0)
        rc = request_upload(u->r, q, bytes, &c, err);
    if (rc == 0)
        rc = send_body(u, c, bytes, err);
    if (rc < 0)
        return rc;
    rc = http_call_status(c, err);
    if (rc < 0)
        return err_wrap(err, rc, "registry %s", u->host->name);
    u->again_after_ms = answer_retry_after_ms(http_call_header(c, "Retry-After"), time(NULL));
    *ret = TAKE(c);
    return rc;
}

/* The same, to wherever the server sends us with it; q->path and *url become that. */
static int
send_bytes(struct upload *u, struct request *q, char **url, int64_t bytes, struct http_call **ret,
           struct err *err)
{
    u->status = 0;
    u->again_after_ms = -1;
    for (int hops = 0; hops <= REDIRECTS_MAX; hops++) {
        AUTO_PTR(http_call) c = NULL;
        int status = send_once(u, q, bytes, &c, err);
        char *next = status == 307 || status == 308 ? location_of(q, c) : NULL;
        if (!next) {
            u->status = status < 0 ? 0 : status;
            *ret = TAKE(c);
            return status;
        }
        free(*url);
        q->path = *url = next;
    }
    return err_set(err, CODE_INVALID_ARGUMENT, "registry %s: redirected more than %d times",
                   u->host->name, REDIRECTS_MAX);
}

int
upload_whole(struct upload *u, struct err *err)
{
    AUTO_PTR(http_call) c = NULL;
    auto_free char *to = with_digest(u->url, &u->desc->digest);
    struct strv headers = {0};
    struct request q = upload_request(u, "PUT", to);

    strv_add(&headers, "Content-Type: application/octet-stream");
    q.headers = &headers;
    int status = send_bytes(u, &q, &to, u->desc->size_bytes, &c, err);
    strv_done(&headers);
    return status < 0 ? status : ended(u, &q, c, status, err);
}

/* ---- in pieces ---- */

/* The server has as many bytes as its header Range says, when it says so: "0-9" are ten. -1 when it does not. */
static int64_t
range_of(const struct http_call *c)
{
    const char *range = http_call_header(c, "Range");
    uint64_t last;

    if (range && strncmp(range, "bytes=", 6) == 0)
        range += 6;
    if (!range || strncmp(range, "0-", 2) != 0 || parse_u64(range + 2, &last, NULL) < 0 ||
        last >= INT64_MAX)
        return -1;
    return (int64_t) last + 1;
}

static int
send_chunk(struct upload *u, int64_t bytes, struct err *err)
{
    AUTO_PTR(http_call) c = NULL;
    auto_free char *to = xstrdup(u->url);
    struct strv headers = {0};
    struct request q = upload_request(u, "PATCH", to);

    strv_add(&headers, "Content-Type: application/octet-stream");
    strv_printf(&headers, "Content-Range: %lld-%lld", (long long) u->at,
                (long long) (u->at + bytes - 1));
    q.headers = &headers;
    int status = send_bytes(u, &q, &to, bytes, &c, err);
    strv_done(&headers);
    if (status < 0)
        return status;
    if (status != 202 && status != 204)
        return request_refused(&q, c, status, err);
    note_location(u, &q, c);
    int64_t has = range_of(c);
    if (has >= 0 && has < u->at + bytes)
        return err_set(err, CODE_UNAVAILABLE, "registry %s took the upload up to byte %lld of %lld",
                       u->host->name, (long long) has, (long long) (u->at + bytes));
    u->at += bytes;
    return 0;
}

/* Asks how far the session is: 1 when the server says it, 0 when the session is of no use any more. */
static int
ask(struct upload *u, struct err *err)
{
    AUTO_PTR(http_call) c = NULL;
    struct request q = upload_request(u, "GET", u->url);
    int status = request_send(u->r, &q, &c, err);

    if (status < 0)
        return status == -CODE_CANCELED ? status : 0;
    int64_t has = status == 204 || status == 202 || status == 200 ? range_of(c) : -1;
    if (has < 0 || has > u->desc->size_bytes)
        return 0;
    u->at = has;
    note_location(u, &q, c);
    return 1;
}

static int
chunks_end(struct upload *u, struct err *err)
{
    AUTO_PTR(http_call) c = NULL;
    auto_free char *to = with_digest(u->url, &u->desc->digest);
    struct request q = upload_request(u, "PUT", to);
    int status = request_send(u->r, &q, &c, err);

    u->status = status < 0 ? 0 : status;
    u->again_after_ms = -1;
    return status < 0 ? status : ended(u, &q, c, status, err);
}

int
upload_chunks(struct upload *u, int64_t chunk_bytes, struct err *err)
{
    int64_t size = u->desc->size_bytes,
            chunk = chunk_bytes > u->chunk_min ? chunk_bytes : u->chunk_min;

    assert(chunk > 0);
    while (u->at < size) {
        struct err ignored = {0};
        int again, rc = send_chunk(u, size - u->at < chunk ? size - u->at : chunk, err);

        if (rc == 0)
            continue;
        again = upload_wait(u, rc, &ignored);
        if (again > 0)
            again = ask(u, &ignored);
        if (again < 0 && err)
            *err = ignored;
        if (again <= 0)
            return again < 0 ? again : rc;
    }
    return chunks_end(u, err);
}

/* ---- another try ---- */

/* An upload that the server has forgotten, or has more or less of than we think, and a token that has expired. */
static bool
mended_anew(int status)
{
    return status == 401 || status == 404 || status == 416;
}

int
upload_wait(struct upload *u, int rc, struct err *err)
{
    if (rc != -CODE_UNAVAILABLE && !answer_is_temporary(u->status) && !mended_anew(u->status))
        return 0;
    return retry_wait(&u->retry, u->r->http, u->again_after_ms, err);
}
