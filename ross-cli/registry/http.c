/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread owns the curl multi handle and every easy handle; nobody else calls into libcurl for a transfer.
 *
 *   caller ── commands (START, UNPAUSE, CANCEL: bits of a call in the queue of struct http) ──▶ http thread
 *   caller ◀── headers, body ring, verdict (fields of struct http_call under its lock) ──────── http thread
 *
 * A call's last command is always CANCEL: when the thread has taken it, it has let go of the call, and only then does
 * http_call_free() free it. Lock order: http_call.lock, then http.lock.
 */
#include "ross-cli/registry/http.h"

#include <assert.h>
#include <ctype.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "libross/base/clock.h"
#include "libross/base/log.h"
#include "libross/base/version.h"
#include "ross-cli/registry/http_curl.h"

#define USER_AGENT        "ross/" ROSS_VERSION
#define READ_LOW_WATER    (128 * 1024) /* a reader is not woken for less, unless it is all there is */
#define CONNECTIONS_MAX   32
#define CURL_BUFFER_BYTES (256 * 1024)

/* ---- a bounded ring of bytes ---- */

struct ring {
    char *data; /* HTTP_QUEUE_BYTES, made with the first byte */
    size_t head, len;
};

static size_t
ring_room(const struct ring *r)
{
    return HTTP_QUEUE_BYTES - r->len;
}

static void
ring_put(struct ring *r, const char *p, size_t n)
{
    assert(n <= ring_room(r));
    if (!r->data)
        r->data = xmalloc(HTTP_QUEUE_BYTES);
    size_t tail = (r->head + r->len) % HTTP_QUEUE_BYTES;
    size_t first = HTTP_QUEUE_BYTES - tail < n ? HTTP_QUEUE_BYTES - tail : n;
    memcpy(r->data + tail, p, first);
    memcpy(r->data, p + first, n - first);
    r->len += n;
}

static size_t
ring_get(struct ring *r, char *p, size_t n)
{
    if (n > r->len)
        n = r->len;
    if (n == 0)
        return 0;
    size_t first = HTTP_QUEUE_BYTES - r->head < n ? HTTP_QUEUE_BYTES - r->head : n;
    memcpy(p, r->data + r->head, first);
    memcpy(p + first, r->data, n - first);
    r->head = (r->head + n) % HTTP_QUEUE_BYTES;
    r->len -= n;
    return n;
}

/* ---- objects ---- */

enum { CMD_START = 1, CMD_UNPAUSE = 2, CMD_CANCEL = 4 };

struct http {
    struct http_options opt;
    CURLM *multi;
    pthread_t thread;
    bool running;
    struct http_call *active; /* attached to multi; the thread's */

    pthread_mutex_t lock;
    pthread_cond_t cond; /* cancelled changed */
    struct http_call *first, *last;
    bool stop, cancelled;
};

struct http_call {
    struct http *http;
    /* Set before START, then only the http thread's. */
    CURL *easy;
    struct curl_slist *headers_out;
    int64_t upload_left;
    struct http_call *active_next, *active_prev;
    bool attached;
    char curl_error[CURL_ERROR_SIZE];

    /* Under http.lock. */
    struct http_call *next;
    bool queued;
    unsigned commands;

    pthread_mutex_t lock;
    pthread_cond_t cond;
    struct ring in, out;
    bool in_paused, out_paused, reader_waits;
    struct strv headers; /* "name: value", names in lower case */
    size_t headers_bytes;
    int status; /* 0 until the headers are complete */
    bool headers_done, done, released;
    enum http_failure failure;
    struct err verdict; /* when failure */
};

/* ---- commands ---- */

static void
call_command(struct http_call *c, unsigned command)
{
    struct http *h = c->http;

    (void) pthread_mutex_lock(&h->lock);
    c->commands |= command;
    if (!c->queued) {
        c->queued = true;
        c->next = NULL;
        if (h->last)
            h->last->next = c;
        else
            h->first = c;
        h->last = c;
    }
    (void) pthread_mutex_unlock(&h->lock);
    (void) curl.multi_wakeup(h->multi);
}

static struct http_call *
next_command(struct http *h, unsigned *ret_commands)
{
    (void) pthread_mutex_lock(&h->lock);
    struct http_call *c = h->first;
    if (c) {
        h->first = c->next;
        if (!h->first)
            h->last = NULL;
        c->queued = false;
        *ret_commands = c->commands;
        c->commands = 0;
    }
    (void) pthread_mutex_unlock(&h->lock);
    return c;
}

/* ---- callbacks, on the http thread ---- */

static size_t
on_header(char *p, size_t size, size_t n, void *arg)
{
    struct http_call *c = arg;
    size_t len = size * n, full = len;

    while (len > 0 && (p[len - 1] == '\r' || p[len - 1] == '\n'))
        len--;
    (void) pthread_mutex_lock(&c->lock);
    if (c->headers_done) {
        /* A trailer: nothing that we use. */
    } else if (len == 0) {
        long status = 0;
        (void) curl.easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
        if (status >= 200) {
            c->status = (int) status;
            c->headers_done = true;
            (void) pthread_cond_broadcast(&c->cond);
        }
    } else if (len >= 5 && memcmp(p, "HTTP/", 5) == 0) {
        strv_done(&c->headers);
        c->headers_bytes = 0;
    } else if ((c->headers_bytes += len) > HTTP_HEADERS_MAX) {
        full = 0; /* ends the transfer with CURLE_WRITE_ERROR */
    } else {
        char *line = xstrndup(p, len);
        for (char *q = line; *q && *q != ':'; q++)
            *q = (char) tolower((unsigned char) *q);
        strv_take(&c->headers, line);
    }
    (void) pthread_mutex_unlock(&c->lock);
    return full;
}

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
    struct http_call *c = arg;
    size_t len = size * n, took = len;

    (void) pthread_mutex_lock(&c->lock);
    if (ring_room(&c->in) < len) {
        c->in_paused = true;
        took = CURL_WRITEFUNC_PAUSE;
    } else {
        ring_put(&c->in, p, len);
    }
    if (c->reader_waits && (c->in_paused || c->in.len >= READ_LOW_WATER))
        (void) pthread_cond_broadcast(&c->cond);
    (void) pthread_mutex_unlock(&c->lock);
    return took;
}

static size_t
on_upload(char *p, size_t size, size_t n, void *arg)
{
    struct http_call *c = arg;
    size_t got;

    (void) pthread_mutex_lock(&c->lock);
    got = ring_get(&c->out, p, size * n);
    c->upload_left -= (int64_t) got;
    if (got == 0 && c->upload_left > 0) {
        c->out_paused = true;
        got = CURL_READFUNC_PAUSE;
    }
    (void) pthread_cond_broadcast(&c->cond);
    (void) pthread_mutex_unlock(&c->lock);
    return got;
}

/* ---- verdicts ---- */

static const struct {
    CURLcode code;
    enum http_failure failure;
    enum code err_code;
    const char *text; /* NULL = libcurl's own words */
} verdicts[] = {
    {CURLE_COULDNT_RESOLVE_HOST, HTTP_FAILED_RESOLVE, CODE_UNAVAILABLE,
     "the host name is not known"},
    {CURLE_COULDNT_RESOLVE_PROXY, HTTP_FAILED_RESOLVE, CODE_UNAVAILABLE,
     "the proxy's host name is not known"},
    {CURLE_COULDNT_CONNECT, HTTP_FAILED_CONNECT, CODE_UNAVAILABLE, NULL},
    {CURLE_SSL_CONNECT_ERROR, HTTP_FAILED_TLS, CODE_UNAVAILABLE, NULL},
    {CURLE_PEER_FAILED_VERIFICATION, HTTP_FAILED_VERIFY, CODE_FAILED_PRECONDITION, NULL},
    {CURLE_SSL_CERTPROBLEM, HTTP_FAILED_OTHER, CODE_FAILED_PRECONDITION, NULL},
    {CURLE_SSL_CACERT_BADFILE, HTTP_FAILED_OTHER, CODE_FAILED_PRECONDITION, NULL},
    {CURLE_OPERATION_TIMEDOUT, HTTP_FAILED_BROKEN, CODE_UNAVAILABLE, NULL},
    {CURLE_PARTIAL_FILE, HTTP_FAILED_BROKEN, CODE_UNAVAILABLE,
     "the connection ended before the body did"},
    {CURLE_GOT_NOTHING, HTTP_FAILED_BROKEN, CODE_UNAVAILABLE,
     "the server closed the connection without an answer"},
    {CURLE_RECV_ERROR, HTTP_FAILED_BROKEN, CODE_UNAVAILABLE, NULL},
    {CURLE_SEND_ERROR, HTTP_FAILED_BROKEN, CODE_UNAVAILABLE, NULL},
    {CURLE_HTTP2, HTTP_FAILED_BROKEN, CODE_UNAVAILABLE, NULL},
    {CURLE_HTTP2_STREAM, HTTP_FAILED_BROKEN, CODE_UNAVAILABLE, NULL},
    {CURLE_URL_MALFORMAT, HTTP_FAILED_OTHER, CODE_INVALID_ARGUMENT, "not a URL"},
    {CURLE_UNSUPPORTED_PROTOCOL, HTTP_FAILED_OTHER, CODE_INVALID_ARGUMENT,
     "neither http nor https"},
    {CURLE_WEIRD_SERVER_REPLY, HTTP_FAILED_OTHER, CODE_UNAVAILABLE,
     "the server does not speak HTTP"},
    {CURLE_WRITE_ERROR, HTTP_FAILED_OTHER, CODE_RESOURCE_EXHAUSTED,
     "the answer's headers are too large"},
    {CURLE_ABORTED_BY_CALLBACK, HTTP_FAILED_OTHER, CODE_CANCELED, "canceled"},
    {CURLE_OUT_OF_MEMORY, HTTP_FAILED_OTHER, CODE_RESOURCE_EXHAUSTED, NULL},
};

/* A TLS alert about a certificate: while connecting, or with TLS 1.3 when the answer is read. */
static bool
is_refusal(CURLcode code, const char *text)
{
    return (code == CURLE_SSL_CONNECT_ERROR || code == CURLE_RECV_ERROR ||
            code == CURLE_SEND_ERROR) &&
           strstr(text, "alert") && (strstr(text, "certificate") || strstr(text, "unknown ca"));
}

static void
call_judge(struct http_call *c, CURLcode code)
{
    enum http_failure failure = HTTP_FAILED_OTHER;
    int err_code = CODE_UNAVAILABLE;
    const char *text = NULL;
    double connected = 0;

    for (size_t i = 0; i < ARRAY_LEN(verdicts); i++)
        if (verdicts[i].code == code) {
            failure = verdicts[i].failure;
            err_code = verdicts[i].err_code;
            text = verdicts[i].text;
        }
    if (code == CURLE_OPERATION_TIMEDOUT &&
        curl.easy_getinfo(c->easy, CURLINFO_CONNECT_TIME, &connected) == CURLE_OK && connected <= 0)
        failure = HTTP_FAILED_CONNECT;
    if (is_refusal(code, c->curl_error)) {
        failure = HTTP_FAILED_REFUSED;
        err_code = CODE_FAILED_PRECONDITION;
    }
    if (!text)
        text = c->curl_error[0] ? c->curl_error : curl.easy_strerror(code);
    c->failure = failure;
    (void) err_set(&c->verdict, err_code, "%s", text);
}

static void
call_detach(struct http_call *c)
{
    if (!c->attached)
        return;
    (void) curl.multi_remove_handle(c->http->multi, c->easy);
    if (c->active_prev)
        c->active_prev->active_next = c->active_next;
    else
        c->http->active = c->active_next;
    if (c->active_next)
        c->active_next->active_prev = c->active_prev;
    c->attached = false;
}

static void
call_end(struct http_call *c, CURLcode code)
{
    call_detach(c);
    (void) pthread_mutex_lock(&c->lock);
    if (!c->done) {
        c->done = true;
        if (code != CURLE_OK)
            call_judge(c, code);
        else if (!c->headers_done) {
            c->failure = HTTP_FAILED_BROKEN;
            (void) err_set(&c->verdict, CODE_UNAVAILABLE, "the server gave no answer");
        }
    }
    (void) pthread_cond_broadcast(&c->cond);
    (void) pthread_mutex_unlock(&c->lock);
}

/* ---- the thread ---- */

static void
call_begin(struct http_call *c)
{
    struct http *h = c->http;

    if (curl.multi_add_handle(h->multi, c->easy) != CURLM_OK) {
        call_end(c, CURLE_OUT_OF_MEMORY);
        return;
    }
    c->attached = true;
    c->active_prev = NULL;
    c->active_next = h->active;
    if (h->active)
        h->active->active_prev = c;
    h->active = c;
}

static void
call_unpause(struct http_call *c)
{
    (void) pthread_mutex_lock(&c->lock);
    c->in_paused = c->out_paused = false;
    (void) pthread_mutex_unlock(&c->lock);
    /* Delivers what it kept back at once: the callbacks take the lock. */
    if (c->attached && curl.easy_pause(c->easy, CURLPAUSE_CONT) != CURLE_OK)
        call_end(c, CURLE_RECV_ERROR);
}

static void
call_release(struct http_call *c)
{
    call_detach(c);
    curl.easy_cleanup(c->easy);
    c->easy = NULL;
    (void) pthread_mutex_lock(&c->lock);
    c->released = true;
    (void) pthread_cond_broadcast(&c->cond);
    (void) pthread_mutex_unlock(&c->lock);
}

static void
take_commands(struct http *h)
{
    struct http_call *c;
    unsigned commands = 0;

    while ((c = next_command(h, &commands))) {
        if (commands & CMD_CANCEL) {
            call_release(c);
            continue;
        }
        if (commands & CMD_START)
            call_begin(c);
        if (commands & CMD_UNPAUSE)
            call_unpause(c);
    }
}

static bool
http_stopping(struct http *h)
{
    (void) pthread_mutex_lock(&h->lock);
    bool stop = h->stop && !h->first;
    (void) pthread_mutex_unlock(&h->lock);
    return stop;
}

static bool
http_is_cancelled(struct http *h)
{
    (void) pthread_mutex_lock(&h->lock);
    bool cancelled = h->cancelled;
    (void) pthread_mutex_unlock(&h->lock);
    return cancelled;
}

static void
end_cancelled(struct http *h)
{
    if (!h->active || !http_is_cancelled(h))
        return;
    while (h->active)
        call_end(h->active, CURLE_ABORTED_BY_CALLBACK);
}

static void *
http_main(void *arg)
{
    struct http *h = arg;
    int running = 0, left = 0;
    CURLMsg *msg;

    while (!http_stopping(h)) {
        take_commands(h);
        end_cancelled(h);
        (void) curl.multi_perform(h->multi, &running);
        while ((msg = curl.multi_info_read(h->multi, &left))) {
            struct http_call *c = NULL;
            CURLcode code = msg->data.result;
            if (msg->msg != CURLMSG_DONE)
                continue;
            (void) curl.easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **) &c);
            call_end(c, code);
        }
        (void) curl.multi_poll(h->multi, NULL, 0, 60000, NULL);
    }
    return NULL;
}

static int
http_run(struct http *h, struct err *err)
{
    sigset_t all, old;
    int r;

    h->multi = curl.multi_init();
    if (!h->multi)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "libcurl has no memory");
    (void) curl.multi_setopt(h->multi, CURLMOPT_PIPELINING, (long) CURLPIPE_MULTIPLEX);
    (void) curl.multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long) CONNECTIONS_MAX);
    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &old);
    r = pthread_create(&h->thread, NULL, http_main, h);
    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (r)
        return err_sys(err, r, "start the http thread");
    h->running = true;
    return 0;
}

int
http_new(const struct http_options *opt, struct http **ret, struct err *err)
{
    pthread_condattr_t attr;
    struct http *h;
    int r;

    r = curl_ready(err);
    if (r < 0)
        return r;
    h = xcalloc(1, sizeof *h);
    h->opt = opt ? *opt : (struct http_options){0};
    if (!h->opt.connect_timeout_ms)
        h->opt.connect_timeout_ms = 30000;
    if (!h->opt.stall_timeout_ms)
        h->opt.stall_timeout_ms = 60000;
    if (!h->opt.idle_timeout_ms)
        h->opt.idle_timeout_ms = 60000;
    (void) pthread_mutex_init(&h->lock, NULL);
    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&h->cond, &attr);
    (void) pthread_condattr_destroy(&attr);
    r = http_run(h, err);
    if (r < 0) {
        http_free(h);
        return r;
    }
    *ret = h;
    return 0;
}

void
http_free(struct http *h)
{
    if (!h)
        return;
    if (h->running) {
        (void) pthread_mutex_lock(&h->lock);
        h->stop = true;
        (void) pthread_mutex_unlock(&h->lock);
        (void) curl.multi_wakeup(h->multi);
        (void) pthread_join(h->thread, NULL);
    }
    if (h->multi)
        (void) curl.multi_cleanup(h->multi);
    (void) pthread_cond_destroy(&h->cond);
    (void) pthread_mutex_destroy(&h->lock);
    free(h);
}

void
http_cancel(struct http *h)
{
    (void) pthread_mutex_lock(&h->lock);
    h->cancelled = true;
    (void) pthread_cond_broadcast(&h->cond);
    (void) pthread_mutex_unlock(&h->lock);
    (void) curl.multi_wakeup(h->multi);
}

void
http_reset(struct http *h)
{
    (void) pthread_mutex_lock(&h->lock);
    h->cancelled = false;
    (void) pthread_mutex_unlock(&h->lock);
}

int
http_wait(struct http *h, int64_t ms, struct err *err)
{
    int64_t until = clock_mono_ns() + ms * NS_PER_MS;
    struct timespec ts = {.tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S};
    bool cancelled;

    (void) pthread_mutex_lock(&h->lock);
    while (!h->cancelled && pthread_cond_timedwait(&h->cond, &h->lock, &ts) == 0)
        ;
    cancelled = h->cancelled;
    (void) pthread_mutex_unlock(&h->lock);
    return cancelled ? err_set(err, CODE_CANCELED, "canceled") : 0;
}

/* ---- calls ---- */

/* A local server is never asked through a proxy. */
static bool
url_is_local(const char *url)
{
    const char *host = strstr(url, "://");
    static const char *const local[] = {"localhost", "127.", "[::1]"};

    if (!host)
        return false;
    host += 3;
    for (size_t i = 0; i < ARRAY_LEN(local); i++)
        if (strncasecmp(host, local[i], strlen(local[i])) == 0)
            return true;
    return false;
}

#define SET(option, value) (void) curl.easy_setopt(c->easy, (option), (value))

static void
call_setup_tls(struct http_call *c, const struct http_tls *tls)
{
    if (!tls)
        return;
    if (tls->connect_timeout_ms)
        SET(CURLOPT_CONNECTTIMEOUT_MS, (long) tls->connect_timeout_ms);
    if (tls->skip_verify) {
        SET(CURLOPT_SSL_VERIFYPEER, 0L);
        SET(CURLOPT_SSL_VERIFYHOST, 0L);
    } else if (tls->ca_pem) {
        struct curl_blob blob = {.data = (void *) (uintptr_t) tls->ca_pem,
                                 .len = strlen(tls->ca_pem),
                                 .flags = CURL_BLOB_COPY};
        SET(CURLOPT_CAINFO_BLOB, &blob);
    }
    if (tls->cert_file)
        SET(CURLOPT_SSLCERT, tls->cert_file);
    if (tls->key_file)
        SET(CURLOPT_SSLKEY, tls->key_file);
}

static void
call_setup_body(struct http_call *c, const struct http_request *rq)
{
    if (rq->upload) {
        SET(CURLOPT_UPLOAD, 1L);
        SET(CURLOPT_READFUNCTION, on_upload);
        SET(CURLOPT_READDATA, c);
        SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t) rq->upload_bytes);
    } else if (rq->body) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) rq->body_bytes);
        SET(CURLOPT_COPYPOSTFIELDS, rq->body);
    } else if (strcmp(rq->method, "HEAD") == 0) {
        SET(CURLOPT_NOBODY, 1L);
    } else if (strcmp(rq->method, "GET") != 0) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) 0);
        SET(CURLOPT_COPYPOSTFIELDS, "");
    }
    if (strcmp(rq->method, "HEAD") != 0)
        SET(CURLOPT_CUSTOMREQUEST, rq->method);
}

static void
call_setup(struct http_call *c, const struct http_request *rq)
{
    const struct http_options *opt = &c->http->opt;
    bool typed = false;

    SET(CURLOPT_URL, rq->url);
    SET(CURLOPT_PRIVATE, c);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_ERRORBUFFER, c->curl_error);
    SET(CURLOPT_USERAGENT, USER_AGENT);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_2TLS);
    SET(CURLOPT_BUFFERSIZE, (long) CURL_BUFFER_BYTES);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long) opt->connect_timeout_ms);
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, (long) ((opt->stall_timeout_ms + 999) / 1000));
    SET(CURLOPT_MAXAGE_CONN, (long) ((opt->idle_timeout_ms + 999) / 1000));
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, c);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, c);
    if (url_is_local(rq->url))
        SET(CURLOPT_PROXY, "");
    call_setup_tls(c, rq->tls);
    call_setup_body(c, rq);
    for (size_t i = 0; rq->headers && i < rq->headers->n; i++) {
        typed |= strncasecmp(rq->headers->items[i], "Content-Type:", 13) == 0;
        c->headers_out = curl.slist_append(c->headers_out, rq->headers->items[i]);
    }
    /* No "100 Continue" round trip, no form type that nobody asked for. */
    c->headers_out = curl.slist_append(c->headers_out, "Expect:");
    if (!typed)
        c->headers_out = curl.slist_append(c->headers_out, "Content-Type:");
    SET(CURLOPT_HTTPHEADER, c->headers_out);
}

static void
call_destroy(struct http_call *c)
{
    if (c->easy)
        curl.easy_cleanup(c->easy);
    curl.slist_free_all(c->headers_out);
    strv_done(&c->headers);
    free(c->in.data);
    free(c->out.data);
    (void) pthread_cond_destroy(&c->cond);
    (void) pthread_mutex_destroy(&c->lock);
    free(c);
}

int
http_call_start(struct http *h, const struct http_request *rq, struct http_call **ret,
                struct err *err)
{
    assert(rq->method && rq->url && !(rq->upload && rq->body));
    if (http_is_cancelled(h))
        return err_set(err, CODE_CANCELED, "canceled");
    if (strlen(rq->url) > HTTP_URL_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "the URL is longer than %d bytes", HTTP_URL_MAX);

    struct http_call *c = xcalloc(1, sizeof *c);
    c->http = h;
    c->upload_left = rq->upload ? rq->upload_bytes : 0;
    (void) pthread_mutex_init(&c->lock, NULL);
    (void) pthread_cond_init(&c->cond, NULL);
    c->easy = curl.easy_init();
    if (!c->easy) {
        call_destroy(c);
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "libcurl has no memory");
    }
    call_setup(c, rq);
    log_trace("registry", "request", KV_STR("method", rq->method), KV_STR("url", rq->url));
    call_command(c, CMD_START);
    *ret = c;
    return 0;
}

/* With c->lock held. */
static int
call_failed(struct http_call *c, struct err *err)
{
    return err_set(err, c->verdict.code, "%s", c->verdict.msg);
}

int
http_call_write(struct http_call *c, const void *p, size_t n, struct err *err)
{
    const char *from = p;
    int r = 0;

    (void) pthread_mutex_lock(&c->lock);
    while (n > 0 && r == 0) {
        size_t room = ring_room(&c->out), put = n < room ? n : room;
        if (c->failure) {
            r = call_failed(c, err);
        } else if (c->done || c->headers_done) {
            r = 1;
        } else if (put == 0) {
            (void) pthread_cond_wait(&c->cond, &c->lock);
        } else {
            ring_put(&c->out, from, put);
            from += put;
            n -= put;
            if (c->out_paused) {
                c->out_paused = false;
                call_command(c, CMD_UNPAUSE);
            }
        }
    }
    (void) pthread_mutex_unlock(&c->lock);
    return r;
}

int
http_call_status(struct http_call *c, struct err *err)
{
    int r;

    (void) pthread_mutex_lock(&c->lock);
    while (!c->headers_done && !c->done)
        (void) pthread_cond_wait(&c->cond, &c->lock);
    r = c->headers_done ? c->status : call_failed(c, err);
    (void) pthread_mutex_unlock(&c->lock);
    if (r > 0)
        log_trace("registry", "answer", KV_INT("status", r));
    return r;
}

const char *
http_call_header_at(const struct http_call *c, const char *name, size_t i)
{
    size_t len = strlen(name);

    for (size_t k = 0; k < c->headers.n; k++) {
        const char *line = c->headers.items[k];
        if (strncasecmp(line, name, len) != 0 || line[len] != ':' || i-- > 0)
            continue;
        line += len + 1;
        return line + strspn(line, " \t");
    }
    return NULL;
}

const char *
http_call_header(const struct http_call *c, const char *name)
{
    return http_call_header_at(c, name, 0);
}

ssize_t
http_call_read(struct http_call *c, void *p, size_t n, struct err *err)
{
    size_t enough = n < READ_LOW_WATER ? n : READ_LOW_WATER;
    ssize_t r = 0;

    if (n == 0)
        return 0;
    (void) pthread_mutex_lock(&c->lock);
    c->reader_waits = true;
    while (c->in.len < enough && !c->done && !c->in_paused)
        (void) pthread_cond_wait(&c->cond, &c->lock);
    c->reader_waits = false;
    r = (ssize_t) ring_get(&c->in, p, n);
    if (r == 0 && c->failure)
        r = call_failed(c, err);
    if (c->in_paused && c->in.len <= HTTP_QUEUE_BYTES / 2) {
        c->in_paused = false;
        call_command(c, CMD_UNPAUSE);
    }
    (void) pthread_mutex_unlock(&c->lock);
    return r;
}

enum http_failure
http_call_failure(const struct http_call *c)
{
    struct http_call *m = (struct http_call *) (uintptr_t) c;
    enum http_failure failure;

    (void) pthread_mutex_lock(&m->lock);
    failure = m->failure;
    (void) pthread_mutex_unlock(&m->lock);
    return failure;
}

void
http_call_free(struct http_call *c)
{
    if (!c)
        return;
    call_command(c, CMD_CANCEL);
    (void) pthread_mutex_lock(&c->lock);
    while (!c->released)
        (void) pthread_cond_wait(&c->cond, &c->lock);
    (void) pthread_mutex_unlock(&c->lock);
    call_destroy(c);
}
