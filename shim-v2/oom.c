/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Out-of-memory notices: an eventfd registered with cgroup v1's memory.oom_control, or inotify on memory.events of
 * v2, which counts. The counter of v1 (oom_kill in the same file) tells a last kill before an exit from one
 * already told.
 */
#include "oom.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "cgroup.h"
#include "cgroup_file.h"
#include "libross/base/fd.h"

struct oom_watch {
    struct loop_io *io;
    int fd;         /* eventfd or inotify */
    char *file;     /* with an "oom_kill N" line */
    uint64_t kills; /* told so far */
    bool early;     /* version 1 tells before it kills and counts */
    void (*fn)(void *arg);
    void *arg;
};

static uint64_t
kills_read(const struct oom_watch *w)
{
    static const struct cgroup_key key[] = {{"oom_kill", 0}};
    auto_free char *text = NULL;
    uint64_t kills = 0;

    if (fd_read_file_at(AT_FDCWD, w->file, CGROUP_FILE_MAX, &text, NULL, NULL) == 0)
        (void) cgroup_keys_read(text, key, 1, &kills);
    return kills;
}

void
oom_check(struct oom_watch *w)
{
    uint64_t kills;

    if (!w)
        return;
    kills = kills_read(w);
    if (kills <= w->kills)
        return;
    w->kills = kills;
    w->fn(w->arg);
}

static void
on_notice(struct loop_io *io, uint32_t events, void *arg)
{
    struct oom_watch *w = arg;
    char drain[4096];

    (void) io;
    (void) events;
    /* a vanished cgroup makes the descriptor readable for ever */
    if (read(w->fd, drain, sizeof drain) < 0 && errno != EAGAIN && errno != EINTR)
        (void) loop_io_set(w->io, 0, NULL);
    if (access(w->file, F_OK) < 0) {
        (void) loop_io_set(w->io, 0, NULL);
        return;
    }
    if (w->early && kills_read(w) <= w->kills) {
        w->kills++; /* the one that is about to be counted */
        w->fn(w->arg);
        return;
    }
    oom_check(w);
}

static int
watch_v1(struct oom_watch *w, const char *dir, struct err *err)
{
    auto_free char *control = xasprintf("%s/cgroup.event_control", dir);
    auto_close int oom_fd = -1, control_fd = -1;

    w->early = true;
    w->file = xasprintf("%s/memory.oom_control", dir);
    w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    oom_fd = open(w->file, O_RDONLY | O_CLOEXEC);
    control_fd = open(control, O_WRONLY | O_CLOEXEC);
    if (w->fd < 0 || oom_fd < 0 || control_fd < 0 ||
        dprintf(control_fd, "%d %d", w->fd, oom_fd) < 0)
        return err_sys(err, errno, "watch %s", w->file);
    return 0;
}

static int
watch_v2(struct oom_watch *w, const char *dir, struct err *err)
{
    w->file = xasprintf("%s/memory.events", dir);
    w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (w->fd < 0 || inotify_add_watch(w->fd, w->file, IN_MODIFY) < 0)
        return err_sys(err, errno, "watch %s", w->file);
    return 0;
}

int
oom_watch_dir(struct loop *loop, const char *dir, bool unified, void (*fn)(void *arg), void *arg,
              struct oom_watch **ret, struct err *err)
{
    struct oom_watch *w = xcalloc(1, sizeof *w);
    int r;

    *w = (struct oom_watch){.fd = -1, .fn = fn, .arg = arg};
    r = unified ? watch_v2(w, dir, err) : watch_v1(w, dir, err);
    if (r == 0)
        r = loop_io_add(loop, w->fd, EPOLLIN, on_notice, w, &w->io, err);
    if (r < 0) {
        oom_watch_free(w);
        return r;
    }
    w->kills = kills_read(w);
    *ret = w;
    return 0;
}

int
oom_watch_new(struct loop *loop, const char *cgroup, void (*fn)(void *arg), void *arg,
              struct oom_watch **ret, struct err *err)
{
    auto_free char *dir = cgroup_dir(cgroup, "memory");

    if (!dir)
        return err_set(err, CODE_FAILED_PRECONDITION, "the container has no memory cgroup");
    return oom_watch_dir(loop, dir, cgroup_is_unified(), fn, arg, ret, err);
}

void
oom_watch_free(struct oom_watch *w)
{
    if (!w)
        return;
    loop_io_free(w->io);
    (void) fd_close(w->fd);
    free(w->file);
    free(w);
}
