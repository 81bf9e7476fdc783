/* SPDX-License-Identifier: Apache-2.0 */
/* From an address to a connected socket. */
#include "ttrpc_dial.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "libross/base/fd.h"

int
ttrpc_dial(const char *address, struct err *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    const char *name = address;
    auto_close int fd = -1;
    size_t n, abstract;

    if (!strncmp(name, "unix://", 7))
        name += 7;
    abstract = name[0] != '/';
    n = strlen(name);
    if (n == 0 || n + 1 > sizeof addr.sun_path)
        return err_set(err, CODE_INVALID_ARGUMENT, "'%s' is not the address of a unix socket",
                       address);
    memcpy(addr.sun_path + abstract, name, n);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_sys(err, errno, "make a socket");
    /* A path is sent with its NUL, an abstract name with the NUL before it. */
    if (connect(fd, (struct sockaddr *) &addr,
                (socklen_t) (offsetof(struct sockaddr_un, sun_path) + n + 1)) < 0)
        return err_set(err, errno == EACCES ? CODE_PERMISSION_DENIED : CODE_UNAVAILABLE,
                       "connect to %s: %s", address, strerror(errno));
    return TAKE_FD(fd);
}
