/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to a server with the redirects that answer it. Secrets go to the origin that was asked, never
 * further.
 */
#pragma once

#include "libross/base/buf.h"
#include "ross-cli/registry/http.h"

#define REDIRECTS_MAX 10

struct exchange {
    const char *method, *url;
    const struct strv *headers; /* sent to every origin */
    const struct strv
        *secrets; /* only to the origin of `url`: Authorization, headers of hosts.toml */
    const struct http_tls *tls; /* our certificate likewise */
    const void *body; /* small; a redirect (307, 308) sends it again, to the same origin only */
    size_t body_bytes;
};

/*
 * Asks and follows: the call has its status, which is no redirect that could be followed. A redirect from https to http
 * is refused (FailedPrecondition), one to no URL or one too many is InvalidArgument.
 *   ret_failure  may be NULL; why there was no answer
 */
int exchange_start(struct http *h, const struct exchange *x, struct http_call **ret,
                   enum http_failure *ret_failure, struct err *err);
/* The whole body into `ret` (bounded by its maximum). */
int exchange_body(struct http_call *c, struct buf *ret, struct err *err);
