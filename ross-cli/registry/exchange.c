/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/registry/exchange.h"

#include <string.h>

static bool
is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static int
ask(struct http *h, const struct exchange *x, const char *url, bool home, struct http_call **ret,
    enum http_failure *ret_failure, struct err *err)
{
    AUTO_PTR(http_call) c = NULL;
    struct strv headers = {0};
    struct http_tls tls = x->tls ? *x->tls : (struct http_tls){0};
    int r;

    if (x->headers)
        strv_add_all(&headers, x->headers);
    if (home && x->secrets)
        strv_add_all(&headers, x->secrets);
    if (!home)
        tls.cert_file = tls.key_file = NULL;

    struct http_request rq = {
        .method = x->method,
        .url = url,
        .headers = &headers,
        .tls = &tls,
        .body = x->body,
        .body_bytes = x->body_bytes,
    };
    r = http_call_start(h, &rq, &c, err);
    strv_done(&headers);
    if (r < 0)
        return r;
    r = http_call_status(c, err);
    if (r < 0) {
        if (ret_failure)
            *ret_failure = http_call_failure(c);
        return r;
    }
    *ret = TAKE(c);
    return r;
}

/* Where a redirect leads; `home` becomes whether that is still the origin of the first URL. */
static int
follow(const struct exchange *x, const char *location, char **url, bool *home, struct err *err)
{
    auto_free char *next = http_url_resolve(*url, location), *first = NULL, *there = NULL;

    if (!next)
        return err_set(err, CODE_INVALID_ARGUMENT, "redirected to '%.200s', which is no http URL",
                       location);
    if (strncmp(*url, "https:", 6) == 0 && strncmp(next, "https:", 6) != 0)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "redirected from https to plain http (%.200s)", next);
    first = http_url_origin(x->url);
    there = http_url_origin(next);
    *home = *home && first && there && strcmp(first, there) == 0;
    if (x->body && !*home)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "redirected to another server (%.200s), which must not see what we send",
                       next);
    free(*url);
    *url = TAKE(next);
    return 0;
}

int
exchange_start(struct http *h, const struct exchange *x, struct http_call **ret,
               enum http_failure *ret_failure, struct err *err)
{
    auto_free char *url = xstrdup(x->url);
    bool home = true;

    for (int hops = 0; hops <= REDIRECTS_MAX; hops++) {
        AUTO_PTR(http_call) c = NULL;
        int r = ask(h, x, url, home, &c, ret_failure, err);
        if (r < 0)
            return r;
        const char *location = http_call_header(c, "Location");
        if (!is_redirect(r) || !location) {
            *ret = TAKE(c);
            return 0;
        }
        r = follow(x, location, &url, &home, err);
        if (r < 0)
            return r;
    }
    return err_set(err, CODE_INVALID_ARGUMENT, "redirected more than %d times", REDIRECTS_MAX);
}

int
exchange_body(struct http_call *c, struct buf *ret, struct err *err)
{
    for (;;) {
        char piece[16384];
        ssize_t n = http_call_read(c, piece, sizeof piece, err);
        if (n <= 0)
            return (int) n;
        int r = buf_append(ret, piece, (size_t) n, err);
        if (r < 0)
            return r;
    }
}
