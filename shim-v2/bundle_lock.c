/* SPDX-License-Identifier: Apache-2.0 */
/* A record lock on a file of the bundle: the kernel tells who holds it. */
#include "bundle_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/mem.h"
#include "libross/base/path.h"

#define LOCK_FILE "lock"
#define PAUSE_MS  5

static int
lock_open(const char *bundle, int *ret_fd, struct err *err)
{
    auto_free char *path = path_join(bundle, LOCK_FILE);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

    if (fd < 0)
        return err_sys(err, errno, "open %s", path);
    *ret_fd = fd;
    return 0;
}

/* False with errno EAGAIN or EACCES: somebody has it. */
static bool
lock_try(int fd)
{
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    return fcntl(fd, F_SETLK, &l) == 0;
}

/* 0 = nobody, or nobody whom we can see. */
static pid_t
holder_of(int fd)
{
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(fd, F_GETLK, &l) < 0 || l.l_type == F_UNLCK || l.l_pid <= 0)
        return 0;
    return l.l_pid;
}

/* By a descriptor: it is the same process before and after. */
static void
holder_kill(int fd)
{
    pid_t pid = holder_of(fd);
    auto_close int pidfd = pid ? pidfd_open(pid, 0) : -1;

    if (pidfd >= 0 && holder_of(fd) == pid)
        (void) pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
}

int
bundle_lock(const char *bundle, int *ret_fd, struct err *err)
{
    auto_close int fd = -1;
    int r = lock_open(bundle, &fd, err);

    if (r < 0)
        return r;
    if (!lock_try(fd))
        return err_set(err, CODE_UNAVAILABLE, "the container of %s is being made or ended", bundle);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int
bundle_lock_wait(const char *bundle, const struct bundle_lock_wait *how, int *ret_fd,
                 struct err *err)
{
    auto_close int fd = -1;
    int r = lock_open(bundle, &fd, err);

    if (r < 0)
        return r;
    while (!lock_try(fd)) {
        int64_t now_ns = clock_mono_ns();

        if (now_ns >= how->limit_ns)
            return err_set(err, CODE_DEADLINE_EXCEEDED, "the container of %s is still being made",
                           bundle);
        if (how->end_holder && now_ns >= how->patience_ns)
            holder_kill(fd);
        (void) poll(NULL, 0, PAUSE_MS);
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}
