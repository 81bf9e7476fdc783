/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: a ttrpc server with a toy service, its loop on a thread of its own. */
#pragma once

#include "api/rpc/toy/toy.h"
#include "api/ttrpc/ttrpc_server.h"

struct test_server {
    struct toy toy;
    char *dir, *path;
    struct loop *loop;
    struct ttrpc_server *server;
    int listen_fd;
    pthread_t thread;
    struct loop_io *io;
    int jobs[2]; /* a socket pair: jobs in, "done" out */
};

struct test_server *test_server_new(void);
void test_server_free(struct test_server *s);
/* Runs fn(arg) on the server's loop and waits for it. The first argument is the test_server. */
void test_server_run(void *s, void (*fn)(void *arg), void *arg);
/* A listening socket at the path. */
int test_listen(const char *path);
/* A connected blocking socket whose reads give up (and fail the test) after 20 s. */
int test_connect(const char *path);
