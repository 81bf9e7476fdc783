/* SPDX-License-Identifier: Apache-2.0 */
/* User namespaces made from outside: they say how ids are mapped on a mount, or own a network namespace. */
#include "idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mount_opts.h"
#include "libross/base/buf.h"
#include "libross/base/fd.h"
#include "libross/base/rawcall.h"

#define STACK_SIZE    4096
#define MAP_SIZE_MAX  4096 /* the kernel takes at most a page */
#define PROC_PATH_MAX 64

/* Lives in the new namespace, sharing our memory but touching none of it, until it is killed. */
IN_CHILD static int
idle_main(void *arg)
{
    (void) raw_call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    while (raw_call(SYS_getppid, 0, 0, 0, 0, 0) == (intptr_t) arg)
        (void) raw_call(SYS_ppoll, 0, 0, 0, 0, 0);
    raw_exit(0);
}

/* "C:H:S,…" as the lines "C H S\n". */
static int
map_format(const char *map, struct buf *b, struct err *err)
{
    struct idmap_range ranges[IDMAP_RANGES_MAX];
    size_t n;
    int r;

    r = idmap_parse(map, ranges, &n, err);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = buf_printf(b, err, "%u %u %u\n", ranges[i].container_id, ranges[i].host_id,
                       ranges[i].size);
    return r;
}

static int
map_write(pid_t pid, const char *file, const char *map, struct err *err)
{
    AUTO(buf) b = BUF_INIT(MAP_SIZE_MAX);
    auto_close int fd = -1;
    char path[PROC_PATH_MAX];
    int r;

    r = map_format(map, &b, err);
    if (r < 0)
        return r;
    (void) snprintf(path, sizeof path, "/proc/%d/%s", (int) pid, file);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    /* one write: the kernel takes a map whole */
    if (fd < 0 || write(fd, b.data, b.len) != (ssize_t) b.len)
        return err_sys(err, errno, "write the %s of a user namespace", file);
    return 0;
}

static int
namespace_open(pid_t pid, const char *name, int *ret_fd, struct err *err)
{
    char path[PROC_PATH_MAX];
    int fd;

    (void) snprintf(path, sizeof path, "/proc/%d/ns/%s", (int) pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, errno, "open a namespace of the kind '%s'", name);
    *ret_fd = fd;
    return 0;
}

static int
map_and_open(pid_t pid, const char *uidmap, const char *gidmap, int *ret_user_fd, int *ret_net_fd,
             struct err *err)
{
    auto_close int user_fd = -1;
    int r;

    r = map_write(pid, "uid_map", uidmap, err);
    if (r == 0)
        r = map_write(pid, "gid_map", gidmap, err);
    if (r == 0)
        r = namespace_open(pid, "user", &user_fd, err);
    if (r == 0 && ret_net_fd)
        r = namespace_open(pid, "net", ret_net_fd, err);
    if (r == 0)
        *ret_user_fd = TAKE_FD(user_fd);
    return r;
}

/* With a network namespace that belongs to it when ret_net_fd is not NULL. */
static int
userns_make(const char *uidmap, const char *gidmap, int *ret_user_fd, int *ret_net_fd,
            struct err *err)
{
    int flags = CLONE_VM | CLONE_NEWUSER | (ret_net_fd ? CLONE_NEWNET : 0);
    __attribute__((aligned(16))) unsigned char stack[STACK_SIZE];
    sigset_t all, old;
    int saved, r;
    pid_t pid;

    /* no signal of its own at the end, and none of our handlers on its small stack */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pid = clone(idle_main, stack + sizeof stack, flags, (void *) (intptr_t) getpid());
    saved = errno;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (pid < 0)
        return err_sys(err, saved, "make a user namespace");
    r = map_and_open(pid, uidmap, gidmap, ret_user_fd, ret_net_fd, err);
    (void) kill(pid, SIGKILL);
    /* our stack is its stack: it must be gone before we return */
    while (waitpid(pid, NULL, __WCLONE) < 0 && errno == EINTR)
        ;
    return r;
}

int
idmap_userns_open(const char *uidmap, const char *gidmap, int *ret_fd, struct err *err)
{
    return userns_make(uidmap, gidmap, ret_fd, NULL, err);
}

int
idmap_netns_open(const char *uidmap, const char *gidmap, int *ret_user_fd, int *ret_net_fd,
                 struct err *err)
{
    return userns_make(uidmap, gidmap, ret_user_fd, ret_net_fd, err);
}

int
idmap_set(int mount_fd, int userns_fd, struct err *err)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t) userns_fd};

    if (mount_setattr(mount_fd, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
        return err_sys(err, errno, "map the ids of a mount");
    return 0;
}
