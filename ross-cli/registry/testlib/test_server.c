/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/registry/testlib/test_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/base/mem.h"
#include "libross/base/test.h"

#define REQUEST_MAX 65536

struct test_server {
    const struct test_step *steps;
    size_t n, at;
    int fd;
    char host[64];
    pthread_t thread;
    char complaint[1024];
};

/* The head and, as far as Content-Length says, the body; of that `take` bytes at most. */
static void
read_request(int fd, size_t take, char *request)
{
    size_t len = 0, want = 0, body;

    request[0] = '\0';
    while (len < REQUEST_MAX - 1) {
        char *end = strstr(request, "\r\n\r\n"), *length;
        if (end && !want) {
            length = strcasestr(request, "\r\nContent-Length:");
            body = length ? strtoul(length + 17, NULL, 10) : 0;
            want = (size_t) (end + 4 - request) + (take && take < body ? take : body);
        }
        if (end && len >= want)
            return;
        ssize_t n = read(fd, request + len, REQUEST_MAX - 1 - len);
        if (n <= 0)
            return;
        len += (size_t) n;
        request[len] = '\0';
    }
}

static void
complain(struct test_server *s, const char *what, const char *detail, const char *request)
{
    if (!s->complaint[0])
        (void) snprintf(s->complaint, sizeof s->complaint, "step %zu: %s '%s' in:\n%.600s", s->at,
                        what, detail, request);
}

static void
check(struct test_server *s, const struct test_step *step, const char *request)
{
    if (strncmp(request, step->line, strlen(step->line)) != 0)
        complain(s, "wanted the request", step->line, request);
    if (step->has && !strstr(request, step->has))
        complain(s, "missing", step->has, request);
    if (step->hasnt && strstr(request, step->hasnt))
        complain(s, "unwanted", step->hasnt, request);
}

/* The answer with "$URL" filled in; malloc'ed. */
static char *
fill_in(const struct test_server *s, const char *text)
{
    const char *at = strstr(text, "$URL");

    return at ? xasprintf("%.*shttp://%s%s", (int) (at - text), text, s->host, at + 4)
              : xstrdup(text);
}

static void
answer(const struct test_server *s, const struct test_step *step, const char *request, int fd)
{
    size_t bytes = step->body_bytes ? step->body_bytes : step->body ? strlen(step->body) : 0;
    bool head_only = strncmp(request, "HEAD ", 5) == 0;

    if (!step->answer)
        return;
    auto_free char *head = fill_in(s, step->answer), *length = xasprintf("%zu", bytes);
    bool said = strcasestr(head, "content-length:") || strcasestr(head, "transfer-encoding:");
    auto_free char *all =
        xasprintf("%s%s%s%sConnection: close\r\n\r\n", head,
                  said ? "" : "Content-Length: ", said ? "" : length, said ? "" : "\r\n");

    (void) fd_write_all(fd, all, strlen(all));
    if (step->body && !head_only)
        (void) fd_write_all(fd, step->body, step->cut ? (size_t) step->cut : bytes);
}

static void *
server_main(void *arg)
{
    struct test_server *s = arg;
    static _Thread_local char request[REQUEST_MAX];

    for (;;) {
        auto_close int fd = accept(s->fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        read_request(fd, s->at < s->n ? s->steps[s->at].take : 0, request);
        if (s->at >= s->n) {
            complain(s, "a request too many", "", request);
            continue;
        }
        check(s, &s->steps[s->at], request);
        bool cut = s->steps[s->at].take;
        if (!cut)
            answer(s, &s->steps[s->at], request, fd);
        s->at++;
        if (cut)
            continue; /* what is not read makes the close a reset */
        /* A reset would take the answer with it. */
        (void) shutdown(fd, SHUT_WR);
        char rest[256];
        while (read(fd, rest, sizeof rest) > 0)
            ;
    }
}

struct test_server *
test_server_start(const struct test_step *steps, size_t n)
{
    struct test_server *s = xcalloc(1, sizeof *s);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    sigset_t sigpipe,
        old; /* a client that drops the answer is a failed write, not the end of the test */

    s->steps = steps;
    s->n = n;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(s->fd >= 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *) &a, sizeof a), 0);
    assert_int_equal(listen(s->fd, 16), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *) &a, &len), 0);
    (void) snprintf(s->host, sizeof s->host, "127.0.0.1:%d", ntohs(a.sin_port));
    (void) sigemptyset(&sigpipe);
    (void) sigaddset(&sigpipe, SIGPIPE);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &sigpipe, &old), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, server_main, s), 0);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);
    return s;
}

const char *
test_server_host(const struct test_server *s)
{
    return s->host;
}

void
test_server_stop(struct test_server *s)
{
    char complaint[sizeof s->complaint];
    size_t left;

    (void) shutdown(s->fd, SHUT_RDWR);
    (void) pthread_join(s->thread, NULL);
    (void) close(s->fd);
    memcpy(complaint, s->complaint, sizeof complaint);
    left = s->n - s->at;
    free(s);
    if (complaint[0])
        fail_msg("%s", complaint);
    if (left)
        fail_msg("%zu requests did not come", left);
}
