/* SPDX-License-Identifier: Apache-2.0 */
/* Reaps, by pidfd for the watched and by SIGCHLD for all others. */
#include "reaper.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "libross/base/clock.h"
#include "libross/base/fd.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

struct reaper_child {
    struct reaper *reaper;
    struct reaper_child *next;
    struct loop_io *io;
    pid_t pid;
    int pidfd;
    reaper_fn fn; /* NULL: ignored */
    void *arg;
};

struct reaper {
    struct loop *loop;
    struct reaper_child *children;
    unsigned holds;
};

static void
child_unlink(struct reaper_child *c)
{
    struct reaper_child **p = &c->reaper->children;

    while (*p != c)
        p = &(*p)->next;
    *p = c->next;
    loop_io_free(c->io);
    (void) fd_close(c->pidfd);
}

static int
status_of(const siginfo_t *si)
{
    return si->si_code == CLD_EXITED ? si->si_status : 128 + si->si_status;
}

/* True when the process had ended and was taken. */
static bool
child_reap(struct reaper_child *c)
{
    siginfo_t si = {0};
    int r = c->pidfd >= 0 ? waitid(P_PIDFD, (id_t) c->pidfd, &si, WEXITED | WNOHANG)
                          : waitid(P_PID, (id_t) c->pid, &si, WEXITED | WNOHANG);

    if (r == 0 && si.si_pid == 0)
        return false;
    child_unlink(c);
    if (c->fn)
        c->fn(c->arg, r == 0 ? status_of(&si) : 255, clock_now_ns());
    free(c);
    return true;
}

static void
on_pidfd(struct loop_io *io, uint32_t events, void *arg)
{
    (void) io;
    (void) events;
    (void) child_reap(arg);
}

static struct reaper_child *
child_find(struct reaper *r, pid_t pid)
{
    for (struct reaper_child *c = r->children; c; c = c->next)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): child_unlink took the freed ones out of the list */
        if (c->pid == pid)
            return c;
    return NULL;
}

/*
 * Looks at one zombie after the other without taking it. A held-back stranger hides those behind it, which costs
 * nothing: the watched among them have pidfds, and release sweeps again.
 */
static void
sweep(void *arg)
{
    struct reaper *r = arg;

    for (;;) {
        siginfo_t si = {0};
        struct reaper_child *c;

        if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) < 0 || si.si_pid == 0)
            return;
        c = child_find(r, si.si_pid);
        if (c) {
            (void) child_reap(c);
            continue;
        }
        if (r->holds)
            return;
        (void) waitid(P_PID, (id_t) si.si_pid, &si, WEXITED | WNOHANG);
    }
}

static void
on_sigchld(int signo, void *arg)
{
    (void) signo;
    sweep(arg);
}

int
reaper_new(struct loop *loop, struct reaper **ret, struct err *err)
{
    struct reaper *r = xcalloc(1, sizeof *r);
    int code;

    r->loop = loop;
    code = loop_signal_add(loop, SIGCHLD, on_sigchld, r, err);
    if (code == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        code = err_sys(err, errno, "become subreaper");
    if (code < 0) {
        free(r);
        return code;
    }
    *ret = r;
    return 0;
}

void
reaper_free(struct reaper *r)
{
    if (!r)
        return;
    while (r->children) {
        struct reaper_child *c = r->children;

        child_unlink(c); /* NOLINT(clang-analyzer-unix.Malloc): as above */
        free(c);
    }
    free(r);
}

static bool
is_our_child(pid_t pid)
{
    siginfo_t si = {0};

    return waitid(P_PID, (id_t) pid, &si, WEXITED | WNOHANG | WNOWAIT) == 0;
}

int
reaper_watch(struct reaper *r, pid_t pid, int pidfd, reaper_fn fn, void *arg,
             struct reaper_child **ret, struct err *err)
{
    struct reaper_child *c;

    if (!is_our_child(pid)) {
        (void) fd_close(pidfd);
        return err_set(err, CODE_NOT_FOUND, "process %d is no child of the shim", (int) pid);
    }
    if (pidfd < 0)
        pidfd = (int) syscall(SYS_pidfd_open, pid, 0);
    c = xcalloc(1, sizeof *c);
    *c = (struct reaper_child){.reaper = r, .pid = pid, .pidfd = pidfd, .fn = fn, .arg = arg};
    if (pidfd >= 0 && loop_io_add(r->loop, pidfd, EPOLLIN, on_pidfd, c, &c->io, NULL) < 0)
        c->io = NULL; /* then SIGCHLD tells */
    c->next = r->children;
    r->children = c;
    *ret = c;
    return 0;
}

int
reaper_kill(struct reaper_child *c, int signo)
{
    if (c->pidfd >= 0)
        return (int) syscall(SYS_pidfd_send_signal, c->pidfd, signo, NULL, 0);
    return kill(c->pid, signo);
}

void
reaper_ignore(struct reaper_child *c)
{
    if (c)
        c->fn = NULL;
}

void
reaper_hold(struct reaper *r)
{
    r->holds++;
}

void
reaper_release(struct reaper *r)
{
    assert(r->holds > 0);
    if (--r->holds == 0)
        loop_post(r->loop, sweep, r);
}
