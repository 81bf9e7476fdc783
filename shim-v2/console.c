/* SPDX-License-Identifier: Apache-2.0 */
/* Receives terminals from the runtime. */
#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "libross/base/fd.h"
#include "libross/base/mem.h"

struct console {
    char *dir;
    struct sockaddr_un addr;
    int fd;
};

static int
console_listen(struct console *c, struct err *err)
{
    const char *base = getenv("XDG_RUNTIME_DIR");
    int n;

    if (!base || !base[0])
        base = getenv("TMPDIR");
    if (!base || base[0] != '/')
        base = "/tmp";
    c->dir = xasprintf("%s/ptyXXXXXX", base);
    if (!mkdtemp(c->dir)) {
        free(c->dir);
        c->dir = NULL;
        return err_sys(err, errno, "make a directory for the console socket in %s", base);
    }
    c->addr.sun_family = AF_UNIX;
    n = snprintf(c->addr.sun_path, sizeof c->addr.sun_path, "%s/pty.sock", c->dir);
    if (n < 0 || (size_t) n >= sizeof c->addr.sun_path)
        return err_set(err, CODE_INVALID_ARGUMENT, "%s is too long for a console socket", c->dir);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0 || bind(c->fd, (struct sockaddr *) &c->addr, sizeof c->addr) < 0 ||
        listen(c->fd, 1) < 0)
        return err_sys(err, errno, "listen on %s", c->addr.sun_path);
    return 0;
}

int
console_new(struct console **ret, struct err *err)
{
    struct console *c = xcalloc(1, sizeof *c);
    int r;

    c->fd = -1;
    r = console_listen(c, err);
    if (r < 0) {
        console_free(c);
        return r;
    }
    *ret = c;
    return 0;
}

const char *
console_path(const struct console *c)
{
    return c->addr.sun_path;
}

int
console_take(struct console *c, int *ret_fd, struct err *err)
{
    auto_close int conn = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    char name[256];
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov = {.iov_base = name, .iov_len = sizeof name};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};
    struct cmsghdr *cm;

    if (conn < 0)
        return err_sys(err, errno, "the runtime did not hand over a terminal");
    if (recvmsg(conn, &msg, MSG_CMSG_CLOEXEC) < 0)
        return err_sys(err, errno, "receive the terminal");
    cm = CMSG_FIRSTHDR(&msg);
    if (!cm || cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS ||
        cm->cmsg_len != CMSG_LEN(sizeof(int)))
        return err_set(err, CODE_INTERNAL, "the runtime sent no terminal");
    memcpy(ret_fd, CMSG_DATA(cm), sizeof *ret_fd);
    return 0;
}

void
console_free(struct console *c)
{
    if (!c)
        return;
    (void) fd_close(c->fd);
    if (c->dir) {
        (void) unlink(c->addr.sun_path);
        (void) rmdir(c->dir);
    }
    free(c->dir);
    free(c);
}
