/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/registry/registry.h"

#include <assert.h>
#include <string.h>

#include "libross/base/log.h"
#include "libross/base/parse.h"
#include "libross/json/json.h"
#include "libross/oci/oci_manifest.h"
#include "libross/oci/oci_ref.h"
#include "ross-cli/registry/answer.h"
#include "ross-cli/registry/request.h"
#include "ross-cli/registry/retry.h"

struct registry_stream {
    struct http_call *call;
    char *host;
    int64_t at, end; /* next byte, size of the blob */
    int64_t skip;    /* bytes to drop first, from a server without ranges */
};

int
registry_new(const struct registry_options *opt, struct registry **ret, struct err *err)
{
    struct registry *r = xcalloc(1, sizeof *r);

    (void) err;
    (void) pthread_mutex_init(&r->lock, NULL);
    const char *dirs = opt->hosts_dirs ? opt->hosts_dirs : getenv("ROSS_HOSTS_DIRS");
    r->hosts_dirs = dirs && *dirs ? xstrdup(dirs) : NULL;
    r->docker_config = opt->docker_config ? xstrdup(opt->docker_config) : NULL;
    r->user = opt->user ? xstrdup(opt->user) : NULL;
    r->password = opt->password ? xstrdup(opt->password) : NULL;
    r->retry_wait_max_ms = opt->retry_wait_max_ms ? opt->retry_wait_max_ms : RETRY_WAIT_MAX_MS;
    r->hosts_options = (struct hosts_options){
        .dirs = r->hosts_dirs, .plain_http = opt->plain_http, .skip_verify = opt->skip_verify};
    *ret = r;
    return 0;
}

void
registry_free(struct registry *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n_known; i++) {
        registry_hosts_done(r->known[i]);
        free(r->known[i]);
    }
    auth_free(r->auth);
    http_free(r->http);
    if (r->password)
        explicit_bzero(r->password, strlen(r->password));
    free(r->password);
    free(r->user);
    free(r->docker_config);
    free(r->hosts_dirs);
    free(r->last_manifest);
    (void) pthread_mutex_destroy(&r->lock);
    free(r);
}

void
registry_cancel(struct registry *r)
{
    (void) pthread_mutex_lock(&r->lock);
    r->cancelled = true;
    if (r->http)
        http_cancel(r->http);
    (void) pthread_mutex_unlock(&r->lock);
}

void
registry_reset(struct registry *r)
{
    (void) pthread_mutex_lock(&r->lock);
    r->cancelled = false;
    if (r->http)
        http_reset(r->http);
    (void) pthread_mutex_unlock(&r->lock);
}

/* ---- asking the servers of a registry in turn ---- */

/* What is asked of one server: 0, or a negative code after which the next server is asked. */
typedef int (*server_fn)(struct registry *r, struct request *q, void *arg, struct err *err);

static int
ask_servers(struct registry *r, const struct oci_ref *ref, unsigned able, server_fn fn, void *arg,
            struct err *err)
{
    const struct registry_hosts *hosts = NULL;
    auto_free char *scope = xasprintf("repository:%s:pull", ref->path);
    int rc = request_hosts(r, ref->domain, &hosts, err);

    if (rc < 0)
        return rc;
    rc = err_set(err, CODE_FAILED_PRECONDITION, "no server of %s is configured for this",
                 ref->domain);
    for (size_t i = 0; i < hosts->n; i++) {
        struct request q = {
            .host = &hosts->items[i], .registry = ref->domain, .scope = scope, .method = "GET"};
        struct err failed = {0};
        if ((q.host->able & able) != able)
            continue;
        rc = fn(r, &q, arg, &failed);
        if (rc == 0)
            return 0;
        if (err)
            *err = failed;
        if (rc == -CODE_CANCELED)
            return rc;
        if (q.host->mirror)
            log_debug("mirror failed, asking the next server", KV_STR("mirror", q.host->base),
                      KV_ERR(&failed));
    }
    return rc;
}

/* ---- manifests ---- */

static void
accept_add(struct strv *headers, const char *first)
{
    static const char *const types[] = {MEDIA_OCI_INDEX, MEDIA_OCI_MANIFEST, MEDIA_DOCKER_LIST,
                                        MEDIA_DOCKER_MANIFEST};
    struct strv list = {0};

    if (first)
        strv_add(&list, first);
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (!first || strcmp(first, types[i]) != 0)
            strv_add(&list, types[i]);
    strv_add(&list, "*/*");
    auto_free char *joined = strv_join(&list, ", ");
    strv_printf(headers, "Accept: %s", joined);
    strv_done(&list);
}

static char *
manifest_path(const struct oci_ref *ref, const struct digest *digest)
{
    char shown[DIGEST_STR_MAX];

    return xasprintf("/%s/manifests/%s", ref->path,
                     digest ? digest_format(digest, shown) : ref->tag);
}

/* Content-Type without parameters; malloc'ed or NULL. */
static char *
answer_type(const struct http_call *c)
{
    const char *type = http_call_header(c, "Content-Type");
    size_t n = type ? strcspn(type, "; \t") : 0;

    return n ? xstrndup(type, n) : NULL;
}

static bool
is_manifest_type(const char *type)
{
    enum media_kind kind = media_type_kind(type);

    return kind == MEDIA_INDEX || kind == MEDIA_MANIFEST;
}

/* 1 when the headers of a HEAD say it all, 0 when the manifest must be looked at. */
static int
desc_from_headers(const struct http_call *c, const struct digest *want, struct oci_desc *ret,
                  struct err *err)
{
    const char *digest = http_call_header(c, "Docker-Content-Digest");
    const char *length = http_call_header(c, "Content-Length");
    auto_free char *type = answer_type(c);
    char got[DIGEST_STR_MAX], wanted[DIGEST_STR_MAX];
    struct digest d;
    uint64_t size;

    if (!digest || !length || !is_manifest_type(type) || parse_u64(length, &size, NULL) < 0 ||
        size == 0)
        return 0;
    if (digest_parse(digest, &d, err) < 0)
        return err_set(err, CODE_INVALID_ARGUMENT, "Docker-Content-Digest '%.100s' is no digest",
                       digest);
    if (want && d.alg == want->alg && !digest_equal(&d, want))
        return err_set(err, CODE_DATA_LOSS, "the registry has %s where %s was asked for",
                       digest_format(&d, got), digest_format(want, wanted));
    if (size > MANIFEST_SIZE_MAX)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "the manifest has %llu bytes, more than %d",
                       (unsigned long long) size, MANIFEST_SIZE_MAX);
    *ret = (struct oci_desc){
        .media_type = TAKE(type), .digest = want ? *want : d, .size_bytes = (int64_t) size};
    return 1;
}

/* What a manifest calls itself, or what its fields show. malloc'ed or NULL. */
static char *
sniff_type(const char *p, size_t n)
{
    AUTO_PTR(json) root = NULL;

    if (json_parse(p, n, &root, NULL) < 0)
        return NULL;
    const char *own = json_str(json_find(root, "mediaType"));
    if (is_manifest_type(own))
        return xstrdup(own);
    if (own)
        return NULL;
    if (json_is_array(json_find(root, "manifests")))
        return xstrdup(MEDIA_OCI_INDEX);
    if (json_is_object(json_find(root, "config")) && json_is_array(json_find(root, "layers")))
        return xstrdup(MEDIA_OCI_MANIFEST);
    return NULL;
}

/* GET of a manifest; its bytes into `body` (bounded). */
static int
manifest_get(struct registry *r, struct request *q, struct buf *body, char **ret_type,
             char **ret_digest, struct err *err)
{
    AUTO_PTR(http_call) c = NULL;
    int status;

    q->method = "GET";
    status = request_send(r, q, &c, err);
    if (status < 0)
        return status;
    if (status != 200)
        return request_refused(q, c, status, err);
    buf_clear(body);
    int rc = exchange_body(c, body, err);
    if (rc < 0)
        return err_wrap(err, rc, "registry %s: manifest", q->host->name);
    const char *digest = http_call_header(c, "Docker-Content-Digest");
    *ret_type = answer_type(c);
    *ret_digest = digest ? xstrdup(digest) : NULL;
    return 0;
}

static int
manifest_check(const struct buf *body, const struct digest *want, const struct request *q,
               struct digest *ret, struct err *err)
{
    char got[DIGEST_STR_MAX], wanted[DIGEST_STR_MAX];

    digest_compute(want->alg, body->data ? body->data : "", body->len, ret);
    if (digest_equal(ret, want))
        return 0;
    return err_set(err, CODE_DATA_LOSS,
                   "registry %s sent a manifest that hashes to %s instead of %s", q->host->name,
                   digest_format(ret, got), digest_format(want, wanted));
}

struct resolve {
    const struct oci_ref *ref;
    const struct digest *want; /* NULL for a tag */
    struct oci_desc desc;
};

/* Fetches the manifest to learn what it is, and keeps it for registry_fetch_manifest. */
static int
resolve_by_get(struct registry *r, struct request *q, struct resolve *to, struct err *err)
{
    AUTO(buf) body = BUF_INIT(MANIFEST_SIZE_MAX);
    auto_free char *type = NULL, *said = NULL;
    struct digest digest, claimed = {.alg = DIGEST_SHA256};
    int rc = manifest_get(r, q, &body, &type, &said, err);

    if (rc < 0)
        return rc;
    if (to->want)
        claimed = *to->want;
    else if (said && digest_parse(said, &claimed, err) < 0)
        return err_set(err, CODE_INVALID_ARGUMENT, "Docker-Content-Digest '%.100s' is no digest",
                       said);
    if (to->want || said)
        rc = manifest_check(&body, &claimed, q, &digest, err);
    else
        digest_compute(claimed.alg, body.data ? body.data : "", body.len, &digest);
    if (rc < 0)
        return rc;
    if (!is_manifest_type(type) && media_type_kind(type) != MEDIA_SCHEMA1) {
        char *sniffed = sniff_type(body.data ? body.data : "", body.len);
        if (sniffed) {
            free(type);
            type = sniffed;
        }
    }
    to->desc =
        (struct oci_desc){.media_type = type ? TAKE(type) : xstrdup("application/octet-stream"),
                          .digest = digest,
                          .size_bytes = (int64_t) body.len};
    (void) pthread_mutex_lock(&r->lock);
    free(r->last_manifest);
    r->last_bytes = body.len;
    r->last_manifest = buf_take(&body);
    r->last_digest = digest;
    (void) pthread_mutex_unlock(&r->lock);
    return 0;
}

static int
resolve_at(struct registry *r, struct request *q, void *arg, struct err *err)
{
    struct resolve *to = arg;
    AUTO_PTR(http_call) c = NULL;
    struct strv headers = {0};
    auto_free char *path = manifest_path(to->ref, to->want);
    int status, rc = 0;

    accept_add(&headers, NULL);
    q->headers = &headers;
    q->path = path;
    q->method = "HEAD";
    status = request_send(r, q, &c, err);
    if (status < 0)
        rc = status;
    else if (status == 200)
        rc = desc_from_headers(c, to->want, &to->desc, err);
    else if (status == 401 || answer_is_temporary(status))
        rc = request_refused(q, c, status, err);
    /* A HEAD has no body that says what is wrong, and some servers do not have HEAD. */
    if (rc == 0)
        rc = resolve_by_get(r, q, to, err);
    strv_done(&headers);
    return rc < 0 ? rc : 0;
}

static int
resolved_check(const struct oci_desc *d, struct err *err)
{
    enum media_kind kind = media_type_kind(d->media_type);

    if (kind == MEDIA_SCHEMA1)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "the image is in docker's schema 1, which is out of use; push it again with "
                       "a newer tool");
    if (kind != MEDIA_INDEX && kind != MEDIA_MANIFEST)
        return err_set(err, CODE_INVALID_ARGUMENT, "the registry has '%.100s' there, no image",
                       d->media_type);
    return 0;
}

int
registry_resolve(struct registry *r, const struct oci_ref *ref, struct oci_desc *ret,
                 struct err *err)
{
    struct resolve to = {.ref = ref};
    int rc;

    assert(ref->tag || digest_is_set(&ref->digest));
    if (digest_is_set(&ref->digest))
        to.want = &ref->digest;
    rc = ask_servers(r, ref, HOST_RESOLVE, resolve_at, &to, err);
    if (rc == 0)
        rc = resolved_check(&to.desc, err);
    if (rc < 0) {
        oci_desc_done(&to.desc);
        return rc;
    }
    *ret = to.desc;
    return 0;
}

struct fetch_manifest {
    const struct oci_ref *ref;
    const struct oci_desc *desc;
    struct buf *body;
};

static int
fetch_manifest_at(struct registry *r, struct request *q, void *arg, struct err *err)
{
    struct fetch_manifest *f = arg;
    struct strv headers = {0};
    auto_free char *path = manifest_path(f->ref, &f->desc->digest), *type = NULL, *said = NULL;
    struct digest digest;
    int rc;

    accept_add(&headers, f->desc->media_type);
    q->headers = &headers;
    q->path = path;
    rc = manifest_get(r, q, f->body, &type, &said, err);
    strv_done(&headers);
    if (rc == 0)
        rc = manifest_check(f->body, &f->desc->digest, q, &digest, err);
    if (rc == 0 && f->desc->size_bytes > 0 && (int64_t) f->body->len != f->desc->size_bytes)
        rc =
            err_set(err, CODE_DATA_LOSS, "registry %s sent a manifest of %zu bytes instead of %lld",
                    q->host->name, f->body->len, (long long) f->desc->size_bytes);
    return rc;
}

/* The manifest that resolving had to fetch. */
static bool
take_last(struct registry *r, const struct digest *want, struct buf *ret)
{
    bool hit = false;

    (void) pthread_mutex_lock(&r->lock);
    if (r->last_manifest && digest_equal(want, &r->last_digest))
        hit = buf_append(ret, r->last_manifest, r->last_bytes, NULL) == 0;
    (void) pthread_mutex_unlock(&r->lock);
    return hit;
}

int
registry_fetch_manifest(struct registry *r, const struct oci_ref *ref, const struct oci_desc *desc,
                        struct buf *ret, struct err *err)
{
    AUTO(buf) body = BUF_INIT(MANIFEST_SIZE_MAX);
    struct fetch_manifest f = {.ref = ref, .desc = desc, .body = &body};
    int rc = 0;

    if (desc->size_bytes > MANIFEST_SIZE_MAX)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "the manifest has %lld bytes, more than %d",
                       (long long) desc->size_bytes, MANIFEST_SIZE_MAX);
    if (!take_last(r, &desc->digest, &body))
        rc = ask_servers(r, ref, HOST_PULL, fetch_manifest_at, &f, err);
    if (rc < 0)
        return rc;
    return buf_append(ret, body.data ? body.data : "", body.len, err);
}

/* ---- blobs ---- */

struct blob_open {
    const struct oci_ref *ref;
    const struct oci_desc *desc;
    int64_t offset;
    struct registry_stream *stream;
};

/* How many bytes a 206 begins after; -1 when its Content-Range makes no sense. */
static int64_t
range_start(const struct http_call *c)
{
    const char *range = http_call_header(c, "Content-Range");
    uint64_t start;

    if (!range || strncmp(range, "bytes ", 6) != 0)
        return -1;
    auto_free char *text = xstrndup(range + 6, strspn(range + 6, "0123456789"));
    return parse_u64(text, &start, NULL) == 0 && start <= INT64_MAX ? (int64_t) start : -1;
}

static int
blob_check_answer(const struct http_call *c, int status, const struct blob_open *b,
                  int64_t *ret_start, struct err *err)
{
    const char *length = http_call_header(c, "Content-Length");
    int64_t start = status == 206 ? range_start(c) : 0, size = b->desc->size_bytes;
    uint64_t announced;

    if (start < 0 || start > b->offset)
        return err_set(err, CODE_INVALID_ARGUMENT, "the registry answers with another range");
    if (length && parse_u64(length, &announced, NULL) == 0 &&
        announced != (uint64_t) (size - start))
        return err_set(err, CODE_DATA_LOSS, "the registry has %llu bytes, the manifest says %lld",
                       (unsigned long long) announced + (uint64_t) start, (long long) size);
    *ret_start = start;
    return 0;
}

static int
blob_open_at(struct registry *r, struct request *q, void *arg, struct err *err)
{
    struct blob_open *b = arg;
    AUTO_PTR(http_call) c = NULL;
    struct strv headers = {0};
    char shown[DIGEST_STR_MAX];
    auto_free char *path =
        xasprintf("/%s/blobs/%s", b->ref->path, digest_format(&b->desc->digest, shown));
    int64_t start = 0;
    int status, rc;

    if (b->offset > 0)
        strv_printf(&headers, "Range: bytes=%lld-", (long long) b->offset);
    strv_add(&headers, "Accept: */*");
    q->headers = &headers;
    q->path = path;
    status = request_send(r, q, &c, err);
    q->headers = NULL;
    strv_done(&headers);
    if (status < 0)
        return status;
    if (status != 200 && !(status == 206 && b->offset > 0))
        return request_refused(q, c, status, err);
    rc = blob_check_answer(c, status, b, &start, err);
    if (rc < 0)
        return err_wrap(err, rc, "registry %s", q->host->name);
    b->stream = xcalloc(1, sizeof *b->stream);
    *b->stream = (struct registry_stream){.call = TAKE(c),
                                          .host = xstrdup(q->host->name),
                                          .at = start,
                                          .end = b->desc->size_bytes,
                                          .skip = b->offset - start};
    return 0;
}

int
registry_blob_open(struct registry *r, const struct oci_ref *ref, const struct oci_desc *desc,
                   int64_t offset, struct registry_stream **ret, struct err *err)
{
    struct blob_open b = {.ref = ref, .desc = desc, .offset = offset};
    int rc;

    assert(offset >= 0 && offset <= desc->size_bytes);
    rc = ask_servers(r, ref, HOST_PULL, blob_open_at, &b, err);
    if (rc < 0)
        return rc;
    *ret = b.stream;
    return 0;
}

ssize_t
registry_stream_read(struct registry_stream *s, void *p, size_t n, struct err *err)
{
    for (;;) {
        ssize_t got = http_call_read(s->call, p, n, err);
        if (got < 0)
            return err_wrap(err, (int) got, "registry %s: at byte %lld of %lld", s->host,
                            (long long) s->at, (long long) s->end);
        if (got == 0 && s->at < s->end)
            return err_set(err, CODE_DATA_LOSS,
                           "registry %s: the blob ends after %lld of %lld bytes", s->host,
                           (long long) s->at, (long long) s->end);
        if (got > s->end - s->at)
            return err_set(err, CODE_DATA_LOSS,
                           "registry %s: the blob has more than the %lld bytes of its descriptor",
                           s->host, (long long) s->end);
        s->at += got;
        if (s->skip == 0)
            return got;
        if (got > s->skip) {
            memmove(p, (char *) p + s->skip, (size_t) (got - s->skip));
            got -= s->skip;
            s->skip = 0;
            return got;
        }
        s->skip -= got;
        if (got == 0)
            return 0;
    }
}

void
registry_stream_free(struct registry_stream *s)
{
    if (!s)
        return;
    http_call_free(s->call);
    free(s->host);
    free(s);
}
