/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP requests through libcurl, which is loaded when the first one is made. One thread of its own drives all
 * transfers; callers block. Bodies pass through bounded queues: a slow reader stops its transfer, nothing else.
 *
 * Redirects, authentication and retries are the caller's: what comes back is what the server said.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "libross/base/err.h"
#include "libross/base/mem.h"
#include "libross/base/strv.h"

#define HTTP_QUEUE_BYTES (2 * 1024 * 1024) /* of one body, in each direction */
#define HTTP_HEADERS_MAX (128 * 1024)      /* bytes of all header lines of one answer */
#define HTTP_URL_MAX     16384

struct http;
struct http_call;

/* Zeroed are the defaults. Borrowed for http_new. */
struct http_options {
    int64_t connect_timeout_ms; /* 0 = 30 s */
    int64_t stall_timeout_ms;   /* no byte for so long ends a transfer; 0 = 60 s */
    int64_t idle_timeout_ms;    /* reuse connections that were idle for less; 0 = 60 s */
};

int http_new(const struct http_options *opt, struct http **ret, struct err *err);
void http_free(struct http *h); /* NULL is fine; all calls must be freed before */
DEFINE_AUTO_PTR(http)
/* Running and later calls and waits fail with Canceled. */
void http_cancel(struct http *h);
/* Takes that back when no call is running. */
void http_reset(struct http *h);
/* Waits that long; Canceled when http_cancel came. */
int http_wait(struct http *h, int64_t ms, struct err *err);

/* How a host is connected to, by TLS when its URL says so; borrowed while a call lives. */
struct http_tls {
    bool skip_verify;
    const char *ca_pem; /* certificates to trust, instead of the system's; NULL = the system's */
    const char *cert_file, *key_file; /* our own, PEM; NULL = none */
    int64_t connect_timeout_ms;       /* 0 = that of http_options */
};

struct http_request {
    const char *method;         /* "GET" … */
    const char *url;            /* http or https */
    const struct strv *headers; /* "Name: value"; copied */
    const struct http_tls *tls; /* NULL = defaults */
    const void *body;           /* a small body, copied; NULL = none */
    size_t body_bytes;
    bool upload;          /* a large body comes by http_call_write */
    int64_t upload_bytes; /* its length */
};

/* Why a call got no answer, or not all of it. */
enum http_failure {
    HTTP_OK,
    HTTP_FAILED_RESOLVE, /* no such host */
    HTTP_FAILED_CONNECT, /* refused, unreachable, timed out before anything was sent */
    HTTP_FAILED_TLS,     /* the peer does not speak TLS as we do */
    HTTP_FAILED_VERIFY,  /* its certificate is not trusted */
    HTTP_FAILED_REFUSED, /* it does not take our certificate, or wants one */
    HTTP_FAILED_BROKEN,  /* the connection broke or stalled */
    HTTP_FAILED_OTHER,
};

/* Starts; returns at once. One thread at a time uses a call. */
int http_call_start(struct http *h, const struct http_request *rq, struct http_call **ret,
                    struct err *err);
/* Sends n more bytes of an upload; blocks while the queue is full. 1 when the server has answered already. */
int http_call_write(struct http_call *c, const void *p, size_t n, struct err *err);
/* Waits for the status line and headers: the status (100…999) or a negative code. */
int http_call_status(struct http_call *c, struct err *err);
/* The first header of that name (any case), or NULL. After http_call_status. */
const char *http_call_header(const struct http_call *c, const char *name);
/* The i-th one of that name. */
const char *http_call_header_at(const struct http_call *c, const char *name, size_t i);
/* Up to n bytes of the body: the count, 0 at its proper end, negative code. */
ssize_t http_call_read(struct http_call *c, void *p, size_t n, struct err *err);
/* What a negative code from one of the above was about. */
enum http_failure http_call_failure(const struct http_call *c);
void http_call_free(struct http_call *c); /* NULL is fine; ends it when it runs */
DEFINE_AUTO_PTR(http_call)

/* A URL's "scheme://host:port" in lower case, port always there; malloc'ed, NULL when it is no http(s) URL. */
char *http_url_origin(const char *url);
/* `location` as seen from `base` (RFC 3986); malloc'ed, NULL when it is no http(s) URL. Loads libcurl. */
char *http_url_resolve(const char *base, const char *location);
/* `s` with everything but unreserved characters percent-encoded; malloc'ed. */
char *http_url_escape(const char *s);
