/* SPDX-License-Identifier: Apache-2.0 */
/* Starts logger programs and sees them out. */
#include "logger.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>

#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/proc.h"

struct logger {
    struct logger_spec spec;
    struct reaper_child *child; /* NULL once it has ended */
    struct loop_io *ready_io;
    struct loop_timer *timer;
    int ready_fd;
    bool must_write; /* binary-v2: the end of the ready pipe alone is failure */
    bool is_ready, let_go, termed;
};

static void
logger_release(struct logger *l)
{
    loop_io_free(l->ready_io);
    loop_timer_free(l->timer);
    (void) fd_close(l->ready_fd);
    free(l);
}

static void
tell_ready(struct logger *l, int r, const struct err *err)
{
    loop_io_free(l->ready_io);
    loop_timer_free(l->timer);
    l->ready_io = NULL;
    l->timer = NULL;
    l->ready_fd = fd_close(l->ready_fd);
    l->is_ready = true;
    l->spec.ready(l->spec.arg, r, err);
}

static void
on_ready_pipe(struct loop_io *io, uint32_t events, void *arg)
{
    struct logger *l = arg;
    struct err err = {0};
    char byte;
    ssize_t n = read(l->ready_fd, &byte, 1);
    int r = 0;

    (void) io;
    (void) events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n != 1 && l->must_write)
        r = err_set(&err, CODE_UNKNOWN, "the logger %s ended without saying that it is ready",
                    l->spec.uri->path);
    tell_ready(l, r, &err);
}

static void
on_ready_timeout(void *arg)
{
    struct logger *l = arg;
    struct err err = {0};

    l->timer = NULL;
    tell_ready(
        l,
        err_set(&err, CODE_DEADLINE_EXCEEDED, "the logger %s did not get ready", l->spec.uri->path),
        &err);
}

static void
on_end(void *arg, int status, int64_t at_ns)
{
    struct logger *l = arg;
    bool was_ready;

    (void) status;
    (void) at_ns;
    l->child = NULL;
    if (l->let_go) {
        logger_release(l);
        return;
    }
    was_ready = l->is_ready;
    l->spec.ended(l->spec.arg);
    /* what it wrote before it ended counts; last, because a failure frees the logger */
    if (!was_ready)
        on_ready_pipe(NULL, 0, l);
}

static int
logger_spawn(struct logger *l, int ready_w, struct err *err)
{
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    struct strv argv = {0}, envp = {0};
    int fds[3] = {l->spec.out, l->spec.err, ready_w};
    int pidfd = -1, r;
    pid_t pid;

    strv_add(&argv, l->spec.uri->path);
    strv_add_all(&argv, &l->spec.uri->query);
    strv_printf(&envp, "CONTAINER_ID=%s", l->spec.id);
    strv_printf(&envp, "CONTAINER_NAMESPACE=%s", l->spec.ns);
    spawn.argv = (const char *const *) argv.items;
    spawn.envp = (const char *const *) envp.items;
    spawn.pass_fds = fds;
    spawn.n_pass_fds = 3;
    spawn.want_pidfd = true;
    spawn.new_pgrp = true;
    r = proc_spawn(&spawn, &pid, &pidfd, err);
    if (r == 0)
        r = reaper_watch(l->spec.reaper, pid, pidfd, on_end, l, &l->child, err);
    strv_done(&argv);
    strv_done(&envp);
    return r;
}

int
logger_start(const struct logger_spec *spec, struct logger **ret, struct err *err)
{
    struct logger *l;
    int ready[2], r;

    if (pipe2(ready, O_CLOEXEC | O_NONBLOCK) < 0)
        return err_sys(err, errno, "make the logger's ready pipe");
    l = xcalloc(1, sizeof *l);
    *l = (struct logger){
        .spec = *spec, .ready_fd = ready[0], .must_write = spec->uri->scheme == LOG_BINARY_2};
    r = logger_spawn(l, ready[1], err);
    (void) fd_close(ready[1]);
    if (r == 0)
        r = loop_io_add(spec->loop, l->ready_fd, EPOLLIN, on_ready_pipe, l, &l->ready_io, err);
    if (r < 0) {
        err_wrap(err, r, "start logger %s", spec->uri->path);
        if (l->child) {
            logger_free(l);
            return r;
        }
        logger_release(l);
        return r;
    }
    l->timer = loop_timer_add(spec->loop, clock_mono_ns() + LOGGER_READY_TIMEOUT_MS * NS_PER_MS,
                              on_ready_timeout, l);
    *ret = l;
    return 0;
}

static void
on_end_timeout(void *arg)
{
    struct logger *l = arg;

    l->timer = NULL;
    if (!l->child)
        return;
    (void) reaper_kill(l->child, l->termed ? SIGKILL : SIGTERM);
    if (!l->termed)
        l->timer = loop_timer_add(l->spec.loop, clock_mono_ns() + LOGGER_END_TIMEOUT_MS * NS_PER_MS,
                                  on_end_timeout, l);
    l->termed = true;
}

void
logger_free(struct logger *l)
{
    if (!l)
        return;
    if (!l->child) {
        logger_release(l);
        return;
    }
    l->let_go = true;
    loop_io_free(l->ready_io);
    l->ready_io = NULL;
    loop_timer_free(l->timer);
    l->timer = loop_timer_add(l->spec.loop, clock_mono_ns() + LOGGER_END_TIMEOUT_MS * NS_PER_MS,
                              on_end_timeout, l);
}
