/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: a ttrpc server with a toy service, its loop on a thread of its own. */
#include "test_server.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/base/test.h"

struct job {
    void (*fn)(void *arg);
    void *arg;
};

static void
job_ready(struct loop_io *io, uint32_t events, void *arg)
{
    struct test_server *s = arg;
    struct job job;

    (void) io;
    (void) events;
    if (read(s->jobs[1], &job, sizeof job) != sizeof job)
        abort();
    if (job.fn)
        job.fn(job.arg);
    else
        loop_quit(s->loop, 0);
    if (write(s->jobs[1], "", 1) != 1)
        abort();
}

void
test_server_run(void *server, void (*fn)(void *arg), void *arg)
{
    struct test_server *s = server;
    struct job job = {.fn = fn, .arg = arg};
    char done;

    if (write(s->jobs[0], &job, sizeof job) != sizeof job || read(s->jobs[0], &done, 1) != 1)
        abort();
}

static void *
server_thread(void *arg)
{
    (void) loop_run(((struct test_server *) arg)->loop);
    return NULL;
}

int
test_listen(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void) strncpy(addr.sun_path, path, sizeof addr.sun_path - 1);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *) &addr, sizeof addr), 0);
    assert_int_equal(listen(fd, 1024), 0);
    return fd;
}

int
test_connect(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = 60};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void) strncpy(addr.sun_path, path, sizeof addr.sun_path - 1);
    assert_true(fd >= 0);
    (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (struct sockaddr *) &addr, sizeof addr), 0);
    return fd;
}

struct test_server *
test_server_new(void)
{
    struct test_server *s = xcalloc(1, sizeof *s);
    struct rpc_service svc;
    struct err err = {0};

    toy_init(&s->toy);
    s->toy.run = test_server_run;
    s->toy.run_arg = s;
    svc = toy_service(&s->toy);
    s->dir = test_tmpdir();
    s->path = xasprintf("%s/s.sock", s->dir);
    s->listen_fd = test_listen(s->path);
    assert_ok(loop_new(&s->loop, &err), &err);
    assert_ok(ttrpc_server_new(s->loop, s->listen_fd, &svc, 1, &s->server, &err), &err);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s->jobs), 0);
    assert_ok(loop_io_add(s->loop, s->jobs[1], EPOLLIN, job_ready, s, &s->io, &err), &err);
    assert_int_equal(pthread_create(&s->thread, NULL, server_thread, s), 0);
    return s;
}

void
test_server_free(struct test_server *s)
{
    test_server_run(s, NULL, NULL);
    (void) pthread_join(s->thread, NULL);
    ttrpc_server_free(s->server);
    loop_io_free(s->io);
    loop_free(s->loop);
    (void) fd_close(s->jobs[0]);
    (void) fd_close(s->jobs[1]);
    (void) fd_close(s->listen_fd);
    toy_done(&s->toy);
    test_tmpdir_remove(s->dir);
    free(s->path);
    free(s);
}
