/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/registry/registry_list.h"

#include <string.h>

#include "libross/json/json.h"
#include "libross/oci/oci_ref.h"
#include "ross-cli/registry/answer.h"
#include "ross-cli/registry/request.h"

#define PAGE_SIZE      1000
#define PAGE_BYTES_MAX (4 * 1024 * 1024)
#define PAGES_MAX      10000

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

/* A list that comes page by page. */
struct pages {
    struct registry *r;
    struct request *q; /* for the next page */
    struct strv asked; /* URLs, to see one that goes in circles */
};

/* What is behind the authority of a URL: "/v2/a/tags/list?last=b". */
static const char *
behind_authority(const char *url)
{
    const char *host = strstr(url, "://");

    return host ? host + 3 + strcspn(host + 3, "/?") : url;
}

/*
 * The next page of what `c` has answered to q, malloc'ed; NULL when it was the last. Registries behind a proxy name
 * themselves as the proxy sees them, so only the path of a link counts: it is this server that is asked.
 */
static char *
next_page(const struct request *q, const struct http_call *c)
{
    auto_free char *base = request_url(q), *target = NULL, *full = NULL;
    const char *header;

    for (size_t i = 0; !target && (header = http_call_header_at(c, "Link", i)); i++)
        target = answer_next_link(header);
    full = target ? http_url_resolve(base, target) : NULL;
    if (!full)
        return NULL;
    int origin = (int) (behind_authority(base) - base);
    const char *rest = behind_authority(full);
    return xasprintf("%.*s%s%s", origin, base, *rest == '/' ? "" : "/", rest);
}

/* 1: p->q asks for the page after `c` now; 0: that was the last. */
static int
pages_next(struct pages *p, const struct http_call *c, struct err *err)
{
    char *next = next_page(p->q, c);

    if (!next)
        return 0;
    if (strv_has(&p->asked, next) || p->asked.n == PAGES_MAX) {
        free(next);
        return err_set(err, CODE_INVALID_ARGUMENT, "the pages of its list %s",
                       p->asked.n == PAGES_MAX ? "have no end" : "go in circles");
    }
    strv_take(&p->asked, next);
    p->q->path = next;
    return 1;
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

static int
list_page(struct pages *p, const char *key, struct strv *ret, struct err *err)
{
    AUTO(buf) body = BUF_INIT(PAGE_BYTES_MAX);
    AUTO_PTR(http_call) c = NULL;
    size_t before = ret->n;
    int status = request_send(p->r, p->q, &c, err), rc;

    if (status < 0)
        return status;
    if (status != 200)
        return request_refused(p->q, c, status, err);
    rc = exchange_body(c, &body, err);
    if (rc == 0)
        rc = add_names(&body, key, ret, err);
    /* A page without names that promises another one would go on for ever. */
    if (rc == 0 && ret->n > before)
        rc = pages_next(p, c, err);
    return rc < 0 ? err_wrap(err, rc, "registry %s", p->q->host->name) : rc;
}

static int
list_pages(struct registry *r, struct request *q, const char *key, struct strv *ret,
           struct err *err)
{
    struct pages p = {.r = r, .q = q};
    auto_free char *first = request_url(q);
    int rc;

    strv_add(&p.asked, first);
    do
        rc = list_page(&p, key, ret, err);
    while (rc > 0);
    strv_done(&p.asked);
    return rc;
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

/* `more` behind what is in `to`. */
static int
append_index(struct oci_index *to, struct oci_index *more, struct err *err)
{
    if (to->n + more->n > REGISTRY_REFERRERS_MAX)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "more than %d referrers",
                       REGISTRY_REFERRERS_MAX);
    to->manifests = xreallocarray(to->manifests, to->n + more->n + 1, sizeof *to->manifests);
    for (size_t i = 0; i < more->n; i++)
        to->manifests[to->n++] = TAKE_STRUCT(more->manifests[i]);
    more->n = 0;
    return 0;
}

/* One page: 2 when another one follows, 1 when it was the last, 0 when there is nothing of that name. */
static int
index_page(struct pages *p, struct oci_index *ret, struct err *err)
{
    AUTO_PTR(http_call) c = NULL;
    AUTO(oci_index) page = {0};
    int status = request_send(p->r, p->q, &c, err), rc;

    if (status < 0)
        return status;
    if (status == 404 || status == 405)
        return 0;
    if (status != 200)
        return request_refused(p->q, c, status, err);
    rc = read_index(c, &page, err);
    size_t n = page.n;
    if (rc == 0)
        rc = append_index(ret, &page, err);
    if (rc == 0 && n > 0)
        rc = pages_next(p, c, err);
    return rc < 0 ? err_wrap(err, rc, "registry %s: referrers", p->q->host->name) : rc + 1;
}

/* 1 and the index, 0 when there is nothing of that name. */
static int
get_index(struct registry *r, struct request *q, struct oci_index *ret, struct err *err)
{
    struct pages p = {.r = r, .q = q};
    AUTO(oci_index) all = {.media_type = xstrdup(MEDIA_OCI_INDEX)};
    auto_free char *first = request_url(q);
    int rc;

    strv_add(&p.asked, first);
    do
        rc = index_page(&p, &all, err);
    while (rc > 1);
    strv_done(&p.asked);
    if (rc == 1)
        *ret = TAKE_STRUCT(all);
    return rc;
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
