/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces that outlive their maker: files on which they are mounted. */
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/base/mem.h"
#include "libross/base/path.h"
#include "libross/mount/idmap.h"

struct making {
    const char *path;
    int net_fd; /* one that is there already, -1 = a new one */
    bool no_dad;
    struct err *err;
    int r;
};

static int
loopback_up(struct err *err)
{
    struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
        return err_sys(err, errno, "set the loopback interface up");
    return 0;
}

static void
write_sysctl(const char *path, const char *value)
{
    auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd >= 0) /* a kernel without IPv6 has no such file */
        (void) fd_write_all(fd, value, strlen(value));
}

/* In a thread of its own, which ends inside the new namespace while the process stays where it is. */
static void *
make_in_thread(void *arg)
{
    struct making *m = arg;

    if ((m->net_fd < 0 ? unshare(CLONE_NEWNET) : setns(m->net_fd, CLONE_NEWNET)) < 0) {
        m->r = err_sys(m->err, errno, "make a network namespace");
        return NULL;
    }
    m->r = loopback_up(m->err);
    if (m->r == 0 && m->no_dad)
        write_sysctl("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
    if (m->r == 0 && mount("/proc/thread-self/ns/net", m->path, NULL, MS_BIND, NULL) < 0)
        m->r = err_sys(m->err, errno, "mount a network namespace on '%s'", m->path);
    return NULL;
}

static int
make_file(const char *path, struct err *err)
{
    auto_close int fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);

    return fd < 0 ? err_sys(err, errno, "make '%s'", path) : 0;
}

static int
make(const char *path, int net_fd, bool no_dad, struct err *err)
{
    struct making m = {.path = path, .net_fd = net_fd, .no_dad = no_dad, .err = err};
    pthread_t thread;
    int r;

    r = make_file(path, err);
    if (r < 0)
        return r;
    r = pthread_create(&thread, NULL, make_in_thread, &m);
    if (r != 0)
        m.r = err_sys(err, r, "start a thread");
    else
        (void) pthread_join(thread, NULL);
    if (m.r < 0)
        (void) unlink(path);
    return m.r;
}

int
netns_make(const char *path, bool no_dad, struct err *err)
{
    return make(path, -1, no_dad, err);
}

int
netns_make_owned(const char *path, bool no_dad, const char *owner_path, const char *idmap_uid,
                 const char *idmap_gid, struct err *err)
{
    auto_close int user_fd = -1, net_fd = -1;
    char from[PATH_FD_MAX];
    int r;

    r = idmap_netns_open(idmap_uid, idmap_gid, &user_fd, &net_fd, err);
    if (r == 0)
        r = make_file(owner_path, err);
    if (r < 0)
        return r;
    if (mount(path_of_fd(user_fd, from), owner_path, NULL, MS_BIND, NULL) < 0)
        r = err_sys(err, errno, "mount a user namespace on '%s'", owner_path);
    if (r == 0)
        r = make(path, net_fd, no_dad, err);
    if (r < 0)
        (void) netns_remove(owner_path, NULL);
    return r;
}

int
netns_share(const char *path, pid_t pid, struct err *err)
{
    auto_free char *from = xasprintf("/proc/%d/ns/net", (int) pid);
    int r = make_file(path, err);

    if (r < 0)
        return r;
    if (mount(from, path, NULL, MS_BIND, NULL) == 0)
        return 0;
    r = errno == ENOENT ? err_set(err, CODE_NOT_FOUND, "process %d is gone", (int) pid)
                        : err_sys(err, errno, "mount the namespace of process %d", (int) pid);
    (void) unlink(path);
    return r;
}

int
netns_remove(const char *path, struct err *err)
{
    /* EINVAL: the file is there, but nothing is mounted on it */
    if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
        return err_sys(err, errno, "unmount '%s'", path);
    if (unlink(path) < 0 && errno != ENOENT)
        return err_sys(err, errno, "remove '%s'", path);
    return 0;
}
