/* SPDX-License-Identifier: Apache-2.0 */
/* Who may change a container's task. */
#include "container_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "container_dir.h"
#include "libross/base/fd.h"
#include "libross/base/mem.h"

static int
lock_dir(const char *path, int *ret_fd, struct err *err)
{
    struct stat st;
    int fd;

    *ret_fd = -1;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : err_sys(err, errno, "open '%s'", path);
    while (flock(fd, LOCK_EX) < 0)
        if (errno != EINTR) {
            int e = errno;

            (void) fd_close(fd);
            return err_sys(err, e, "lock '%s'", path);
        }
    /* its owner may have removed it while we waited */
    if (fstat(fd, &st) == 0 && st.st_nlink)
        *ret_fd = fd;
    else
        (void) fd_close(fd);
    return 0;
}

int
container_lock(const struct session *s, const char *id, int *ret_fd, struct err *err)
{
    auto_free char *path = container_dir_path(s->root, s->ctx.ns, id);

    return lock_dir(path, ret_fd, err);
}

int
container_lock_client(const struct session *s, const char *id, int *ret_fd, struct err *err)
{
    auto_free char *path = bundle_path(s->state, s->ctx.ns, id);

    return lock_dir(path, ret_fd, err);
}
