/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that accepts connections on a unix socket and checks who connects. */
#include "grpc_listener.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/base/log.h"
#include "libross/base/mem.h"

#define BACKLOG 1024

struct grpc_listener {
    void (*fn)(int fd, void *arg);
    void *arg;
    char *path; /* bound by us, else NULL */
    dev_t dev;  /* of the socket at path */
    ino_t ino;
    int fd, stop_fd, spare_fd;
    bool own_fd, any_uid;
    pthread_t thread;
    bool started;
};

static bool
peer_allowed(const struct grpc_listener *l, int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;

    if (l->any_uid)
        return true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return false;
    if (peer.uid == 0 || peer.uid == geteuid())
        return true;
    log_warn("connection of a foreign user refused", KV_INT("uid", peer.uid),
             KV_INT("pid", peer.pid));
    return false;
}

/* Without descriptors poll would report the same connection for ever: accept it with the spare one and drop it. */
static void
drop_one(struct grpc_listener *l)
{
    l->spare_fd = fd_close(l->spare_fd);
    (void) fd_close(accept4(l->fd, NULL, NULL, SOCK_CLOEXEC));
    l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    log_warn("connection dropped, no file descriptors are left");
}

static void *
accept_thread(void *arg)
{
    struct grpc_listener *l = arg;
    struct pollfd fds[2] = {{.fd = l->fd, .events = POLLIN}, {.fd = l->stop_fd, .events = POLLIN}};
    int fd;

    for (;;) {
        if (poll(fds, 2, -1) < 0)
            continue; /* EINTR */
        if (fds[1].revents)
            return NULL;
        fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0 && peer_allowed(l, fd))
            l->fn(fd, l->arg);
        else if (fd >= 0)
            (void) fd_close(fd);
        else if (errno == EMFILE || errno == ENFILE)
            drop_one(l);
        else if (errno == EINVAL || errno == EBADF)
            return NULL; /* shut down under us */
    }
}

static int
parents_make(const char *path, struct err *err)
{
    auto_free char *dir = xstrdup(path);

    for (char *p = strchr(dir + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = '\0';
        if (mkdir(dir, 0711) < 0 && errno != EEXIST)
            return err_sys(err, errno, "mkdir %s", dir);
        *p = '/';
    }
    return 0;
}

/* Whether a server answers at the address. */
static bool
served(const struct sockaddr_un *addr)
{
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return fd >= 0 &&
           (connect(fd, (const struct sockaddr *) addr, sizeof *addr) == 0 || errno == EAGAIN);
}

/* Removes a socket left behind; anything else at the path is not ours to remove. */
static int
stale_remove(const char *path, const struct sockaddr_un *addr, struct err *err)
{
    struct stat st;

    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : err_sys(err, errno, "stat %s", path);
    if (!S_ISSOCK(st.st_mode))
        return err_set(err, CODE_FAILED_PRECONDITION, "%s exists and is not a socket", path);
    if (served(addr))
        return err_set(err, CODE_FAILED_PRECONDITION, "%s is served by another process", path);
    if (unlink(path) < 0 && errno != ENOENT)
        return err_sys(err, errno, "remove %s", path);
    return 0;
}

static int
listener_bind(struct grpc_listener *l, const char *path, struct err *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct stat st;
    int r;

    (void) strncpy(addr.sun_path, path, sizeof addr.sun_path - 1);
    r = parents_make(path, err);
    if (r == 0)
        r = stale_remove(path, &addr, err);
    if (r < 0)
        return r;
    l->own_fd = true;
    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0)
        return err_sys(err, errno, "make a socket");
    /* Linux gives the socket file the mode of the socket, less the umask: closed from birth. */
    if (fchmod(l->fd, 0600) < 0 || bind(l->fd, (struct sockaddr *) &addr, sizeof addr) < 0)
        return err_sys(err, errno, "bind %s", path);
    l->path = xstrdup(path);
    /* at once: who sees the file and connects before is refused */
    if (listen(l->fd, BACKLOG) < 0 || chmod(path, 0600) < 0 || lstat(path, &st) < 0)
        return err_sys(err, errno, "listen at %s", path);
    l->dev = st.st_dev;
    l->ino = st.st_ino;
    return 0;
}

int
grpc_listener_new(const char *path, int listen_fd, bool any_uid, void (*fn)(int fd, void *arg),
                  void *arg, struct grpc_listener **ret, struct err *err)
{
    struct grpc_listener *l = xcalloc(1, sizeof *l);
    int r = 0;

    *l = (struct grpc_listener){
        .fn = fn, .arg = arg, .fd = listen_fd, .any_uid = any_uid, .spare_fd = -1};
    l->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->stop_fd < 0)
        r = err_sys(err, errno, "make an eventfd");
    else if (listen_fd < 0)
        r = listener_bind(l, path, err);
    else if (fd_set_nonblock(listen_fd) < 0)
        r = err_sys(err, errno, "make the listening socket non-blocking");
    l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (r == 0) {
        r = pthread_create(&l->thread, NULL, accept_thread, l);
        if (r)
            r = err_sys(err, r, "start a thread");
        else
            l->started = true;
    }
    if (r < 0) {
        grpc_listener_free(l);
        return r;
    }
    *ret = l;
    return 0;
}

void
grpc_listener_free(struct grpc_listener *l)
{
    struct stat st;

    if (!l)
        return;
    if (l->started) {
        (void) eventfd_write(l->stop_fd, 1);
        (void) pthread_join(l->thread, NULL);
    }
    if (l->path && lstat(l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
        (void) unlink(l->path);
    if (l->own_fd)
        (void) fd_close(l->fd);
    (void) fd_close(l->stop_fd);
    (void) fd_close(l->spare_fd);
    free(l->path);
    free(l);
}
