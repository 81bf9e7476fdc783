/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/registry/registry_list.h"

#include <string.h>

#include "libross/json/json.h"
#include "libross/oci/oci_ref.h"
#include "ross-cli/registry/request.h"

#define PAGE_SIZE      1000
#define PAGE_BYTES_MAX (4 * 1024 * 1024)

/* The last server of a registry is the registry itself. */
static int
home(struct registry *r, const char *registry, const struct registry_host **ret, struct err *err)
{
    const struct registry_hosts *hosts = NULL;
    int rc = request_hosts(r, registry, &hosts, err);

    if (rc == 0)
        *ret = &hosts->items[hosts->n - 1];
    return rc;
}

/* The target of Link: <…>; rel="next"; malloc'ed, NULL when this was the last page. */
static char *
next_page(const struct request *q, const struct http_call *c)
{
    const char *link = http_call_header(c, "Link"), *end;
    auto_free char *base = request_url(q);

    if (!link || *link != '<' || !(end = strchr(link, '>')) || !strstr(end, "next"))
        return NULL;
    auto_free char *target = xstrndup(link + 1, (size_t) (end - link - 1));
    return http_url_resolve(base, target);
}

static int
add_names(const struct buf *body, const char *key, struct strv *ret, struct err *err)
{
    AUTO_PTR(json) root = NULL;
    int rc = json_parse(body->data ? body->data : "", body->len, &root, err);

    if (rc < 0)
        return rc;
    const struct json *list = json_find(root, key);
    for (size_t i = 0; i < json_len(list); i++) {
        const char *name = json_str(json_at(list, i));
        if (!name)
            return err_set(err, CODE_INVALID_ARGUMENT, "'%s' is no list of names", key);
        if (ret->n == REGISTRY_NAMES_MAX)
            return err_set(err, CODE_RESOURCE_EXHAUSTED, "more than %d names", REGISTRY_NAMES_MAX);
        strv_add(ret, name);
    }
    return 0;
}

/* All pages of a list. A next page on another server is not followed. */
static int
list_pages(struct registry *r, struct request *q, const char *key, struct strv *ret,
           struct err *err)
{
    auto_free char *first = request_url(q), *page = NULL;
    auto_free char *origin = http_url_origin(first);

    for (;;) {
        AUTO(buf) body = BUF_INIT(PAGE_BYTES_MAX);
        AUTO_PTR(http_call) c = NULL;
        size_t before = ret->n;
        int status = request_send(r, q, &c, err), rc;

        if (status < 0)
            return status;
        if (status != 200)
            return request_refused(q, c, status, err);
        rc = exchange_body(c, &body, err);
        if (rc == 0)
            rc = add_names(&body, key, ret, err);
        if (rc < 0)
            return err_wrap(err, rc, "registry %s", q->host->name);
        char *next = next_page(q, c);
        auto_free char *there = next ? http_url_origin(next) : NULL;
        free(page);
        page = next;
        /* A page without names that promises another one would go on for ever. */
        if (!page || ret->n == before || !origin || !there || strcmp(origin, there) != 0)
            return 0;
        q->path = page;
    }
}

int
registry_tags(struct registry *r, const struct oci_ref *ref, struct strv *ret, struct err *err)
{
    auto_free char *path = xasprintf("/%s/tags/list?n=%d", ref->path, PAGE_SIZE);
    auto_free char *scope = xasprintf("repository:%s:pull", ref->path);
    struct request q = {.registry = ref->domain, .scope = scope, .method = "GET", .path = path};
    int rc = home(r, ref->domain, &q.host, err);

    return rc != 0 ? rc : list_pages(r, &q, "tags", ret, err);
}

int
registry_catalog(struct registry *r, const char *host, struct strv *ret, struct err *err)
{
    auto_free char *path = xasprintf("/_catalog?n=%d", PAGE_SIZE);
    struct request q = {
        .registry = host, .scope = "registry:catalog:*", .method = "GET", .path = path};
    int rc = home(r, host, &q.host, err);

    return rc != 0 ? rc : list_pages(r, &q, "repositories", ret, err);
}

int
registry_ping(struct registry *r, const char *host, struct err *err)
{
    AUTO_PTR(http_call) c = NULL;
    struct request q = {.registry = host, .method = "GET", .path = "/"};
    int rc = home(r, host, &q.host, err), status;

    if (rc != 0)
        return rc;
    status = request_send(r, &q, &c, err);
    if (status < 0)
        return status;
    return status == 200 ? 0 : request_refused(&q, c, status, err);
}

/* ---- referrers ---- */

static int
read_index(struct http_call *c, struct oci_index *ret, struct err *err)
{
    AUTO(buf) body = BUF_INIT(MANIFEST_SIZE_MAX);
    int rc = exchange_body(c, &body, err);

    return rc < 0
               ? rc
               : oci_index_parse(body.data ? body.data : "", body.len, MEDIA_OCI_INDEX, ret, err);
}

/* 1 and the index, 0 when there is nothing of that name. */
static int
get_index(struct registry *r, const struct request *q, struct oci_index *ret, struct err *err)
{
    AUTO_PTR(http_call) c = NULL;
    int status = request_send(r, q, &c, err), rc;

    if (status < 0)
        return status;
    if (status == 404 || status == 405)
        return 0;
    if (status != 200)
        return request_refused(q, c, status, err);
    rc = read_index(c, ret, err);
    return rc < 0 ? err_wrap(err, rc, "registry %s: referrers", q->host->name) : 1;
}

int
registry_referrers(struct registry *r, const struct oci_ref *ref, const struct digest *subject,
                   struct oci_index *ret, struct err *err)
{
    char shown[DIGEST_STR_MAX], hex[DIGEST_HEX_MAX];
    auto_free char *api = xasprintf("/%s/referrers/%s", ref->path, digest_format(subject, shown));
    auto_free char *tag = xasprintf("/%s/manifests/%s-%s", ref->path, digest_alg_name(subject->alg),
                                    digest_hex(subject, hex));
    auto_free char *scope = xasprintf("repository:%s:pull", ref->path);
    struct strv headers = {0};
    struct request q = {
        .registry = ref->domain, .scope = scope, .method = "GET", .path = api, .headers = &headers};
    int rc = home(r, ref->domain, &q.host, err);

    if (rc != 0)
        return rc;
    strv_add(&headers, "Accept: " MEDIA_OCI_INDEX);
    rc = get_index(r, &q, ret, err);
    if (rc == 0) {
        q.path = tag;
        rc = get_index(r, &q, ret, err);
    }
    strv_done(&headers);
    if (rc == 0)
        *ret = (struct oci_index){.media_type = xstrdup(MEDIA_OCI_INDEX)};
    return rc < 0 ? rc : 0;
}
