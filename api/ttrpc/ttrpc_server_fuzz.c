/* SPDX-License-Identifier: Apache-2.0 */
/* All that a client sends over one connection, into a server with a toy service. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "api/rpc/toy/toy.h"
#include "api/ttrpc/ttrpc_server.h"
#include "libross/base/fd.h"
#include "libross/base/log.h"

#define INPUT_MAX (64 * 1024) /* fits the socket's buffer */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct toy toy;
static struct loop *loop;
static struct ttrpc_server *server;
static struct sockaddr_un addr = {.sun_family = AF_UNIX};
static socklen_t addr_len = sizeof addr;

static void
start(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct rpc_service svc;

    log_set_fd(-1);
    toy_init(&toy);
    svc = toy_service(&toy);
    /* The kernel chooses an abstract name. */
    if (fd < 0 || bind(fd, (struct sockaddr *) &addr, sizeof addr.sun_family) < 0 ||
        listen(fd, 16) < 0 || getsockname(fd, (struct sockaddr *) &addr, &addr_len) < 0 ||
        loop_new(&loop, NULL) < 0 || ttrpc_server_new(loop, fd, &svc, 1, &server, NULL) < 0)
        abort();
}

/* Until the server has closed the connection, which it does after the last answer. */
static void
drain(int fd)
{
    char bytes[4096];
    ssize_t n;

    for (;;) {
        loop_turn(loop, 0);
        toy_finish_all(&toy, 0);
        n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd;

    if (!loop)
        start();
    if (size > INPUT_MAX)
        return 0;
    for (int half = 0; half < 2; half++) { /* with a half-close, and vanishing */
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *) &addr, addr_len) < 0 ||
            fd_write_all(fd, data, size) < 0)
            abort();
        if (half) {
            (void) shutdown(fd, SHUT_WR);
            drain(fd);
            (void) fd_close(fd);
        } else {
            loop_turn(loop, 0);
            loop_turn(loop, 0);
            (void) fd_close(fd);
            loop_turn(loop, 0);
            loop_turn(loop, 0);
        }
    }
    return 0;
}
