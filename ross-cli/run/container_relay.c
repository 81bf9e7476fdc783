/* SPDX-License-Identifier: Apache-2.0 */
/* What a container in the foreground writes, for others who attach. */
#include "container_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/base/path.h"

#define SOCKET_NAME  "attach"
#define CLIENTS_MAX  16
#define PATIENCE_MS  5000
#define BUFFER_BYTES (1024 * 1024) /* asked for; the kernel may give less */

struct container_relay {
    int fd;
    int clients[CLIENTS_MAX];
    size_t n;
};

/* Through the directory's descriptor: its name may be longer than a socket's address. */
static int
address_of(int dir_fd, struct sockaddr_un *a)
{
    char dir[PATH_FD_MAX];

    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    return snprintf(a->sun_path, sizeof a->sun_path, "%s/%s", path_of_fd(dir_fd, dir), SOCKET_NAME);
}

int
container_relay_new(const char *dir, struct container_relay **ret, struct err *err)
{
    auto_close int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct container_relay *l;
    struct sockaddr_un a;

    if (dir_fd < 0 || fd < 0)
        return err_sys(err, errno, "open '%s' for those who attach", dir);
    (void) address_of(dir_fd, &a);
    if (bind(fd, (const struct sockaddr *) &a, sizeof a) < 0 || listen(fd, CLIENTS_MAX) < 0)
        return err_sys(err, errno, "listen in '%s' for those who attach", dir);
    l = xcalloc(1, sizeof *l);
    l->fd = TAKE_FD(fd);
    *ret = l;
    return 0;
}

int
container_relay_fd(const struct container_relay *l)
{
    return l->fd;
}

/* False: it is gone, or does not read. */
static bool
send_to(int fd, enum container_relay_kind kind, const void *p, size_t n)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    unsigned char head = (unsigned char) kind;
    struct iovec parts[] = {{&head, 1}, {(void *) p, n}};
    const struct msghdr m = {.msg_iov = parts, .msg_iovlen = ARRAY_LEN(parts)};

    for (;;) {
        if (sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
            return true;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN || poll(&ready, 1, PATIENCE_MS) <= 0)
            return false;
    }
}

void
container_relay_accept(struct container_relay *l)
{
    const int size = BUFFER_BYTES;
    int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return;
    (void) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (l->n == CLIENTS_MAX || !send_to(fd, RELAY_HELLO, "", 0))
        (void) fd_close(fd);
    else
        l->clients[l->n++] = fd;
}

void
container_relay_send(struct container_relay *l, enum container_relay_kind kind, const void *p,
                     size_t n)
{
    for (size_t i = l->n; i-- > 0;)
        if (!send_to(l->clients[i], kind, p, n)) {
            (void) fd_close(l->clients[i]);
            l->clients[i] = l->clients[--l->n];
        }
}

void
container_relay_end(struct container_relay *l, uint32_t status)
{
    /* who has connected by now is one of them */
    for (size_t before = CLIENTS_MAX + 1; l->n != before && l->n < CLIENTS_MAX;) {
        before = l->n;
        container_relay_accept(l);
    }
    container_relay_send(l, RELAY_END, &status, sizeof status);
}

void
container_relay_free(struct container_relay *l)
{
    if (!l)
        return;
    while (l->n)
        (void) fd_close(l->clients[--l->n]);
    (void) fd_close(l->fd);
    free(l);
}

/* ---- the other side ---- */

int
container_relay_connect(const char *dir, int *ret_fd, struct err *err)
{
    auto_close int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct sockaddr_un a;

    if (dir_fd < 0 || fd < 0)
        return err_sys(err, errno, "open '%s'", dir);
    (void) address_of(dir_fd, &a);
    if (connect(fd, (const struct sockaddr *) &a, sizeof a) < 0)
        return errno == ECONNREFUSED || errno == ENOENT
                   ? err_set(err, CODE_UNAVAILABLE, "no ross-cli looks after this container")
                   : err_sys(err, errno, "connect to the ross-cli of the container");
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int
container_relay_next(int fd, enum container_relay_kind *ret_kind, void *buf, size_t *ret_n)
{
    unsigned char head = 0;
    struct iovec parts[] = {{&head, 1}, {buf, CONTAINER_RELAY_PIECE_MAX}};
    struct msghdr m = {.msg_iov = parts, .msg_iovlen = ARRAY_LEN(parts)};
    ssize_t n;

    do
        n = recvmsg(fd, &m, 0);
    while (n < 0 && errno == EINTR);
    if (n < 1 || head > RELAY_END)
        return 0;
    *ret_kind = (enum container_relay_kind) head;
    *ret_n = (size_t) n - 1;
    return 1;
}
