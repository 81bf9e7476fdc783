/* SPDX-License-Identifier: Apache-2.0 */
/* Makes, finds and removes shim sockets. */
#include "shim_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/mem.h"
#include "libross/base/path.h"

#define SCHEME          "unix://"
#define CONNECT_WAIT_MS 100
#define LOCK_WAIT_MS    2000
#define LOCK_PAUSE_MS   1

int
shim_socket_address(const char *dir, const char *owner, const char *ns, const char *group,
                    char **ret, struct err *err)
{
    auto_free char *joined = xasprintf("%s/%s/%s", owner, ns, group);
    auto_free char *clean = path_clean(joined);
    uint8_t digest[SHA256_DIGEST_SIZE];
    char hex[2 * SHA256_DIGEST_SIZE + 1];
    struct sha256_ctx ctx;

    sha256_init(&ctx);
    sha256_update(&ctx, strlen(clean), (const uint8_t *) clean);
    sha256_digest(&ctx, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        (void) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    if (strlen(dir) + 1 + strlen(hex) > SHIM_SOCKET_PATH_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "the socket directory %s is too long: at most %zu characters", dir,
                       SHIM_SOCKET_PATH_MAX - 1 - strlen(hex));
    *ret = xasprintf(SCHEME "%s/%s", dir, hex);
    return 0;
}

static int
address_fill(const char *address, struct sockaddr_un *ret, struct err *err)
{
    const char *path = address + strlen(SCHEME);

    if (strncmp(address, SCHEME, strlen(SCHEME)) != 0 || path[0] != '/' ||
        strlen(path) > SHIM_SOCKET_PATH_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "'%.200s' is no socket address", address);
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret->sun_path, path, strlen(path) + 1);
    return 0;
}

/*
 * Whoever finds a file stale and removes it must not meet one who has replaced it meanwhile, or who has bound it and
 * does not yet listen: the socket of a shim that serves would be gone. So those who do that take turns, by a lock on
 * the directory, which closing releases. One who is stopped in the middle keeps the others for a moment only. -1: no
 * lock.
 */
static int
turn_take(const char *dir)
{
    int64_t until_ns = clock_mono_ns() + LOCK_WAIT_MS * NS_PER_MS;
    auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return -1;
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (clock_mono_ns() >= until_ns)
            return -1;
        (void) poll(NULL, 0, LOCK_PAUSE_MS);
    }
    return TAKE_FD(fd);
}

static char *
dir_of(const struct sockaddr_un *addr)
{
    char *dir = xstrdup(addr->sun_path);

    *strrchr(dir, '/') = '\0';
    return dir;
}

static bool
somebody_answers(const struct sockaddr_un *addr)
{
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t n = sizeof error;

    if (fd < 0)
        return false;
    if (connect(fd, (const struct sockaddr *) addr, sizeof *addr) == 0)
        return true;
    if (errno != EAGAIN && errno != EINPROGRESS)
        return false;
    return poll(&p, 1, CONNECT_WAIT_MS) > 0 &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 && error == 0;
}

static int
listen_once(const struct sockaddr_un *addr, int *ret_fd)
{
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t mask;
    int r;

    if (fd < 0)
        return -1;
    mask = umask(0177);
    r = bind(fd, (const struct sockaddr *) addr, sizeof *addr);
    (void) umask(mask);
    if (r < 0 || listen(fd, SOMAXCONN) < 0)
        return -1;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int
shim_socket_listen(const char *address, int *ret_fd, struct err *err)
{
    struct sockaddr_un addr;
    auto_free char *dir = NULL;
    auto_close int turn = -1;
    int r = address_fill(address, &addr, err);

    if (r < 0)
        return r;
    dir = dir_of(&addr);
    r = path_mkdirs_at(AT_FDCWD, dir, 0700, err);
    if (r < 0)
        return r;
    turn = turn_take(dir);
    if (listen_once(&addr, ret_fd) == 0)
        return 0;
    if (errno != EADDRINUSE)
        return err_sys(err, errno, "listen on %s", address);
    if (somebody_answers(&addr))
        return 1;
    (void) unlink(addr.sun_path);
    if (listen_once(&addr, ret_fd) == 0)
        return 0;
    if (errno == EADDRINUSE && somebody_answers(&addr))
        return 1;
    return err_sys(err, errno, "listen on %s", address);
}

/*
 * Does nobody serve there any more? A shim that is being killed may have closed the connection of its daemon, but
 * not yet its listener: connecting succeeds, and only the missing answer tells. An empty frame with an even number is
 * answered by every server, as an error.
 */
static bool
is_stale(const struct sockaddr_un *addr)
{
    static const char odd_request[] = {0, 0, 0, 0, 0, 0, 0, 2, 1, 0};
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char byte;

    if (fd < 0)
        return false;
    if (connect(fd, (const struct sockaddr *) addr, sizeof *addr) < 0)
        return errno == ECONNREFUSED;
    if (send(fd, odd_request, sizeof odd_request, MSG_NOSIGNAL) < 0)
        return errno == EPIPE || errno == ECONNRESET;
    return poll(&p, 1, CONNECT_WAIT_MS) > 0 && recv(fd, &byte, 1, 0) <= 0;
}

void
shim_socket_remove_stale(const char *address)
{
    struct sockaddr_un addr;
    auto_free char *dir = NULL;
    auto_close int turn = -1;

    if (address_fill(address, &addr, NULL) < 0)
        return;
    dir = dir_of(&addr);
    turn = turn_take(dir);
    if (is_stale(&addr))
        (void) unlink(addr.sun_path);
}

void
shim_socket_remove(int listen_fd)
{
    struct sockaddr_un addr = {0};
    socklen_t n = sizeof addr;

    if (getsockname(listen_fd, (struct sockaddr *) &addr, &n) == 0 && addr.sun_path[0] == '/')
        (void) unlink(addr.sun_path);
}
