/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/registry/request.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "libross/base/log.h"
#include "ross-cli/registry/answer.h"
#include "ross-cli/registry/retry.h"

#define CHALLENGES_MAX 2 /* the first one, and one for a token that had expired */

/* With r->lock held. */
static int
ready(struct registry *r, struct err *err)
{
    const struct auth_options auth = {.user = r->user,
                                      .password = r->password,
                                      .docker_config = r->docker_config,
                                      .retry_wait_max_ms = r->retry_wait_max_ms};
    int rc = 0;

    if (r->cancelled)
        return err_set(err, CODE_CANCELED, "canceled");
    if (!r->http)
        rc = http_new(NULL, &r->http, err);
    if (rc == 0 && !r->auth)
        rc = auth_new(&auth, &r->auth, err);
    return rc;
}

int
request_hosts(struct registry *r, const char *registry, const struct registry_hosts **ret,
              struct err *err)
{
    int rc;

    (void) pthread_mutex_lock(&r->lock);
    rc = ready(r, err);
    for (size_t i = 0; rc == 0 && i < r->n_known; i++)
        if (strcmp(r->known[i]->host, registry) == 0) {
            *ret = r->known[i];
            rc = 1;
        }
    if (rc == 0 && r->n_known == REGISTRIES_MAX)
        rc = err_set(err, CODE_RESOURCE_EXHAUSTED, "more than %d registries", REGISTRIES_MAX);
    if (rc == 0) {
        struct registry_hosts *hosts = xcalloc(1, sizeof *hosts);
        rc = hosts_load(&r->hosts_options, registry, hosts, err);
        if (rc < 0)
            free(hosts);
        else
            *ret = r->known[r->n_known++] = hosts;
    }
    (void) pthread_mutex_unlock(&r->lock);
    return rc < 0 ? rc : 0;
}

static bool
speaks_plain(const struct registry_host *host)
{
    return atomic_load(&((struct registry_host *) (uintptr_t) host)->speaks_plain);
}

char *
request_url(const struct request *q)
{
    const struct registry_host *host = q->host;
    bool whole = strncmp(q->path, "http://", 7) == 0 || strncmp(q->path, "https://", 8) == 0;
    bool plain = speaks_plain(host);
    auto_free char *ns = host->mirror && !whole ? http_url_escape(q->registry) : NULL;

    return xasprintf("%s%s%s%s%s",
                     whole   ? ""
                     : plain ? "http"
                             : "",
                     whole   ? ""
                     : plain ? host->base + strlen("https")
                             : host->base,
                     q->path,
                     !ns                    ? ""
                     : strchr(q->path, '?') ? "&ns="
                                            : "?ns=",
                     ns ? ns : "");
}

/* What was tried, and how it failed when no answer came. */
struct attempt {
    char *sent; /* the value of Authorization */
    size_t pair;
    bool was_plain, home;
    enum http_failure failure;
};

static void
attempt_done(struct attempt *a)
{
    free(a->sent);
}

static bool
same_origin(const char *a, const char *b)
{
    auto_free char *x = http_url_origin(a), *y = http_url_origin(b);

    return x && y && strcmp(x, y) == 0;
}

/* Whether `url` is one of the host's own: secrets go nowhere else. */
static bool
is_home(const struct request *q, const char *url)
{
    struct request root = *q;

    root.path = "/";
    auto_free char *home = request_url(&root);
    return same_origin(url, home);
}

/* One attempt with what is known of authorization and certificates, noted in `a`. */
static int
attempt(struct registry *r, const struct request *q, struct attempt *a, struct http_call **ret,
        struct err *err)
{
    struct http_tls tls = registry_host_tls(q->host, &a->pair);
    auto_free char *url = request_url(q), *value = NULL;
    struct strv secrets = {0};
    int rc = 0;

    a->home = is_home(q, url);
    if (a->home)
        rc = auth_header(r->auth, r->http, q->host, q->scope, &value, err);
    else
        tls.cert_file = tls.key_file = NULL;
    if (rc < 0)
        return rc;
    if (a->home)
        strv_add_all(&secrets, &q->host->headers);
    if (value)
        strv_printf(&secrets, "Authorization: %s", value);
    struct exchange x = {.method = q->method,
                         .url = url,
                         .headers = q->headers,
                         .secrets = &secrets,
                         .tls = &tls,
                         .body = q->body,
                         .body_bytes = q->body_bytes};
    a->was_plain = speaks_plain(q->host);
    rc = exchange_start(r->http, &x, ret, &a->failure, err);
    strv_done(&secrets);
    a->sent = TAKE(value);
    return rc;
}

/* No answer came: 1 to ask again. */
static int
after_failure(struct registry *r, const struct request *q, const struct attempt *a,
              struct retry *retry, struct err *err)
{
    struct registry_host *host = (struct registry_host *) (uintptr_t) q->host;

    if (a->failure == HTTP_FAILED_TLS && host->guess_plain && !a->was_plain) {
        atomic_store(&host->speaks_plain, true);
        return 1;
    }
    if (a->failure == HTTP_FAILED_REFUSED && registry_host_next_pair(host, a->pair))
        return 1;
    return a->failure == HTTP_FAILED_BROKEN ? retry_wait(retry, r->http, -1, err) : 0;
}

static int
failure_wrap(const struct request *q, int rc, enum http_failure failure, struct err *err)
{
    size_t len;

    (void) err_wrap(err, rc, "registry %s", q->host->name);
    const char *hint = failure == HTTP_FAILED_TLS ? "if it is meant to be plain HTTP: --plain-http"
                       : failure == HTTP_FAILED_REFUSED
                           ? "certificates of ours come from hosts.toml or X.cert and X.key"
                           : NULL;

    if (hint && err) {
        len = strlen(err->msg);
        (void) snprintf(err->msg + len, sizeof err->msg - len, " (%s)", hint);
    }
    return rc;
}

/* 1 when a 401 is worth another attempt. */
static int
after_challenge(struct registry *r, const struct request *q, struct http_call *c, const char *sent,
                unsigned *challenges, struct err *err)
{
    int rc;

    if (++*challenges > CHALLENGES_MAX)
        return 0;
    rc = auth_challenged(r->auth, q->host, sent, c, err);
    return rc < 0 ? err_wrap(err, rc, "registry %s", q->host->name) : 1;
}

int
request_send(struct registry *r, const struct request *q, struct http_call **ret, struct err *err)
{
    struct retry retry = {.left_ms = r->retry_wait_max_ms};
    unsigned challenges = 0;

    for (;;) {
        AUTO_PTR(http_call) c = NULL;
        AUTO(attempt) a = {.failure = HTTP_OK};
        int status, again, rc = attempt(r, q, &a, &c, err);

        if (rc < 0) {
            struct err ignored = {0};
            again = after_failure(r, q, &a, &retry, &ignored);
            if (again > 0)
                continue;
            return failure_wrap(q, rc, a.failure, err);
        }
        status = http_call_status(c, err);
        again = 0;
        if (status == 401 && a.home)
            again = after_challenge(r, q, c, a.sent, &challenges, err);
        else if (answer_is_temporary(status))
            again = retry_wait(
                &retry, r->http,
                answer_retry_after_ms(http_call_header(c, "Retry-After"), time(NULL)), err);
        if (again < 0)
            return again;
        if (again)
            continue;
        *ret = TAKE(c);
        return status;
    }
}

int
request_upload(struct registry *r, const struct request *q, int64_t bytes, struct http_call **ret,
               struct err *err)
{
    auto_free char *url = request_url(q), *value = NULL;
    struct strv headers = {0};
    struct http_tls tls = registry_host_tls(q->host, NULL);
    int rc;

    if (q->headers)
        strv_add_all(&headers, q->headers);
    if (is_home(q, url)) {
        rc = auth_header(r->auth, r->http, q->host, q->scope, &value, err);
        if (rc < 0) {
            strv_done(&headers);
            return rc;
        }
        strv_add_all(&headers, &q->host->headers);
        if (value)
            strv_printf(&headers, "Authorization: %s", value);
    } else {
        tls.cert_file = tls.key_file = NULL;
    }
    struct http_request rq = {.method = q->method,
                              .url = url,
                              .headers = &headers,
                              .tls = &tls,
                              .upload = true,
                              .upload_bytes = bytes};
    rc = http_call_start(r->http, &rq, ret, err);
    strv_done(&headers);
    return rc;
}

int
request_refused(const struct request *q, struct http_call *c, int status, struct err *err)
{
    AUTO(buf) body = BUF_INIT(ANSWER_BODY_MAX);
    char text[ANSWER_TEXT_MAX], name[64];
    const char *after = http_call_header(c, "Retry-After"), *hint = "";

    /* Whatever of the body can be had: it only decorates. */
    (void) exchange_body(c, &body, NULL);
    answer_text(body.data ? body.data : "", body.len, text);
    if (status == 401)
        hint = "; it does not exist, or a login is needed";
    else if (status == 403)
        hint = "; another login may see it";
    else if (status == 404 && q->path && strstr(q->path, "/manifests/"))
        hint = "; look at the name and the tag";
    else if (status == 429 && after)
        hint = "; it asks to come back later";
    else if (status == 429 || status >= 500)
        hint = "; try again later";
    return err_set(err, answer_code(status), "registry %s answers %s%s%s%s", q->host->name,
                   answer_status_text(status, name), *text ? ": " : "", text, hint);
}
