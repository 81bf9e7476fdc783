/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libross/base/clock.h"
#include "libross/base/mem.h"
#include "ross-cli/registry/http.h"
#include "ross-cli/registry/testlib/test_server.h"

#define BIG (5 * HTTP_QUEUE_BYTES + 12345)

static char *
url_of(const struct test_server *s, const char *path)
{
    return xasprintf("http://%s%s", test_server_host(s), path);
}

/* Byte i of the large body. */
static char
big_byte(size_t i)
{
    return (char) ('a' + i % 23);
}

static void
a_slow_reader_gets_every_byte(void **state)
{
    static char body[BIG];
    AUTO_PTR(http) h = NULL;
    AUTO_PTR(http_call) c = NULL;
    struct err err = {0};
    size_t at = 0;
    (void) state;

    for (size_t i = 0; i < BIG; i++)
        body[i] = big_byte(i);
    const struct test_step steps[] = {
        {.line = "GET /big", .answer = "HTTP/1.1 200 OK\r\n", .body = body, .body_bytes = BIG}};
    struct test_server *s = test_server_start(steps, 1);
    auto_free char *url = url_of(s, "/big");
    const struct http_request rq = {.method = "GET", .url = url};

    assert_ok(http_new(NULL, &h, &err), &err);
    assert_ok(http_call_start(h, &rq, &c, &err), &err);
    assert_int_equal(http_call_status(c, &err), 200);
    assert_string_equal(http_call_header(c, "content-LENGTH"), "10498105");
    assert_null(http_call_header(c, "content"));
    /* Sizes that never fit the queue's end. */
    for (size_t want = 1;; want = want * 3 % 100003 + 1) {
        char piece[100004];
        ssize_t n = http_call_read(c, piece, want, &err);
        assert_ok((int) n, &err);
        if (n == 0)
            break;
        for (ssize_t i = 0; i < n; i++)
            if (piece[i] != big_byte(at + (size_t) i))
                fail_msg("byte %zu is wrong", at + (size_t) i);
        at += (size_t) n;
    }
    assert_int_equal(at, BIG);
    http_call_free(TAKE(c));
    test_server_stop(s);
}

static void
an_unread_body_can_be_dropped(void **state)
{
    static char body[BIG];
    AUTO_PTR(http) h = NULL;
    struct err err = {0};
    (void) state;

    memset(body, 'x', sizeof body);
    const struct test_step steps[] = {
        {.line = "GET", .answer = "HTTP/1.1 200 OK\r\n", .body = body, .body_bytes = BIG}};
    struct test_server *s = test_server_start(steps, 1);
    auto_free char *url = url_of(s, "/");
    const struct http_request rq = {.method = "GET", .url = url};
    struct http_call *c = NULL;

    assert_ok(http_new(NULL, &h, &err), &err);
    assert_ok(http_call_start(h, &rq, &c, &err), &err);
    assert_int_equal(http_call_status(c, &err), 200);
    http_call_free(c);
    test_server_stop(s);
}

static void
headers_are_bounded(void **state)
{
    AUTO_PTR(http) h = NULL;
    AUTO_PTR(http_call) c = NULL;
    struct err err = {0};
    size_t n = HTTP_HEADERS_MAX / 1000 + 2, at = 0;
    size_t room = n * 1100 + 100;
    auto_free char *head = xmalloc(room);
    (void) state;

    at += (size_t) snprintf(head, room, "HTTP/1.1 200 OK\r\n");
    for (size_t i = 0; i < n; i++)
        at += (size_t) snprintf(head + at, room - at, "X-%zu: %01000d\r\n", i, 0);
    const struct test_step steps[] = {{.line = "GET", .answer = head}};
    struct test_server *s = test_server_start(steps, 1);
    auto_free char *url = url_of(s, "/");
    const struct http_request rq = {.method = "GET", .url = url};

    assert_ok(http_new(NULL, &h, &err), &err);
    assert_ok(http_call_start(h, &rq, &c, &err), &err);
    assert_code(http_call_status(c, &err), CODE_RESOURCE_EXHAUSTED, &err);
    http_call_free(TAKE(c));
    test_server_stop(s);
}

struct canceller {
    struct http *http;
    int64_t after_ms;
};

static void *
cancel_later(void *arg)
{
    struct canceller *c = arg;

    assert_int_equal(http_wait(c->http, c->after_ms, NULL), 0);
    http_cancel(c->http);
    return NULL;
}

/* A server that takes connections and says nothing. */
static void
cancelling_wakes_whoever_waits(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    AUTO_PTR(http) h = NULL;
    AUTO_PTR(http_call) c = NULL;
    struct err err = {0};
    pthread_t thread;
    (void) state;

    assert_int_equal(bind(fd, (struct sockaddr *) &a, sizeof a), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *) &a, &len), 0);
    auto_free char *url = xasprintf("http://127.0.0.1:%d/", ntohs(a.sin_port));
    const struct http_request rq = {.method = "GET", .url = url};
    assert_ok(http_new(NULL, &h, &err), &err);
    struct canceller later = {.http = h, .after_ms = 50};

    assert_ok(http_call_start(h, &rq, &c, &err), &err);
    assert_int_equal(pthread_create(&thread, NULL, cancel_later, &later), 0);
    assert_code(http_call_status(c, &err), CODE_CANCELED, &err);
    assert_int_equal(pthread_join(thread, NULL), 0);
    http_call_free(TAKE(c));
    assert_code(http_call_start(h, &rq, &c, &err), CODE_CANCELED, &err);
    assert_code(http_wait(h, 60000, &err), CODE_CANCELED, &err);
    http_reset(h);
    assert_ok(http_wait(h, 1, &err), &err);
    (void) close(fd);
}

static void
a_stalled_server_is_given_up(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct http_options opt = {.stall_timeout_ms = 1000};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    AUTO_PTR(http) h = NULL;
    AUTO_PTR(http_call) c = NULL;
    struct err err = {0};
    (void) state;

    assert_int_equal(bind(fd, (struct sockaddr *) &a, sizeof a), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *) &a, &len), 0);
    auto_free char *url = xasprintf("http://127.0.0.1:%d/", ntohs(a.sin_port));
    const struct http_request rq = {.method = "GET", .url = url};
    assert_ok(http_new(&opt, &h, &err), &err);
    assert_ok(http_call_start(h, &rq, &c, &err), &err);
    assert_code(http_call_status(c, &err), CODE_UNAVAILABLE, &err);
    assert_int_equal(http_call_failure(c), HTTP_FAILED_BROKEN);
    http_call_free(TAKE(c));
    (void) close(fd);
}

static void
urls(void **state)
{
    static const struct {
        const char *base, *location, *want;
    } rows[] = {
        {"http://h:5/v2/a/blobs/x", "/other", "http://h:5/other"},
        {"http://h/v2/a/b", "c?d=e", "http://h/v2/a/c?d=e"},
        {"https://h/x", "http://g/y#z", "http://g/y"},
        {"https://h/x", "//g/y", "https://g/y"},
        {"http://h/x", "file:///etc/passwd", NULL},
        {"http://h/x", "ftp://g/y", NULL},
    };
    static const struct {
        const char *url, *want;
    } origins[] = {
        {"https://H.Example/a?b", "https://h.example:443"},
        {"http://h:80/", "http://h:80"},
        {"http://h", "http://h:80"},
        {"http://me:pw@h:81/x", "http://h:81"},
        {"file:///x", NULL},
        {"nonsense", NULL},
    };
    (void) state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *got = http_url_resolve(rows[i].base, rows[i].location);
        if (rows[i].want)
            assert_string_equal(got, rows[i].want);
        else
            assert_null(got);
    }
    for (size_t i = 0; i < ARRAY_LEN(origins); i++) {
        auto_free char *got = http_url_origin(origins[i].url);
        if (origins[i].want)
            assert_string_equal(got, origins[i].want);
        else
            assert_null(got);
    }
    auto_free char *escaped = http_url_escape("a b/c:d~é");
    assert_string_equal(escaped, "a%20b%2Fc%3Ad~%C3%A9");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slow_reader_gets_every_byte),
        cmocka_unit_test(an_unread_body_can_be_dropped),
        cmocka_unit_test(headers_are_bounded),
        cmocka_unit_test(cancelling_wakes_whoever_waits),
        cmocka_unit_test(a_stalled_server_is_given_up),
        cmocka_unit_test(urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
