/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server on loopback that follows a script: one step a request, each with what the request must and must not
 * hold and the answer. Every answer ends its connection.
 */
#pragma once

#include <stddef.h>

struct test_step {
    const char *line;        /* start of the request line: "GET /v2/a/manifests/x" */
    const char *has, *hasnt; /* text that the head (or body) must, must not hold; NULL = anything */
    const char *
        answer; /* head without its last empty line; "$URL" in it is this server's; NULL = close at once */
    const char *body; /* NULL = none; Content-Length is added unless `answer` says how long it is */
    size_t body_bytes; /* 0 = strlen(body) */
    int cut;           /* send only so many bytes of the body, then close; 0 = all */
    size_t
        take; /* read only so many bytes of the request's body, then close without an answer; 0 = all */
};

struct test_server;

struct test_server *test_server_start(const struct test_step *steps, size_t n);
const char *test_server_host(const struct test_server *s); /* "127.0.0.1:PORT" */
/* Ends it; fails the test with the first request that was not as scripted, or when steps are left. */
void test_server_stop(struct test_server *s);
