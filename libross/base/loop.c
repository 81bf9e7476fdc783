/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One epoll loop.
 *
 * A turn: posted functions, then the fds that epoll reports, then the timers that are due. A callback may free any
 * source: an fd source freed within a turn is only marked dead, because epoll's answer may still name it, and
 * its memory goes when the outermost turn ends. Timers are a binary heap ordered by time, then by age.
 */
#include "loop.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "clock.h"
#include "fd.h"

#define EVENTS_PER_TURN 32

struct loop_io {
    struct loop *loop;
    struct loop_io *prev, *next; /* in loop->ios, or by next alone in loop->dead */
    loop_io_fn fn;
    void *arg;
    int fd;
    uint32_t events;
    bool dead;
};

struct loop_timer {
    struct loop *loop;
    loop_timer_fn fn;
    void *arg;
    int64_t at_ns;
    uint64_t age;
    size_t at; /* place in the heap */
};

struct post {
    struct post *next;
    void (*fn)(void *arg);
    void *arg;
};

struct sig {
    int signo;
    loop_signal_fn fn;
    void *arg;
};

struct loop {
    int epoll_fd;
    unsigned depth; /* turns within turns */
    struct loop_io *ios, *dead;

    struct loop_timer **heap;
    size_t n_timers, cap_timers;
    uint64_t next_age;

    struct post *posts, **posts_end;

    int signal_fd;
    sigset_t signals;
    struct sig *sigs;
    size_t n_sigs;

    bool quit;
    int quit_code;
};

int
loop_new(struct loop **ret, struct err *err)
{
    struct loop *l = xcalloc(1, sizeof *l);

    l->signal_fd = -1;
    sigemptyset(&l->signals);
    l->posts_end = &l->posts;
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll_fd < 0) {
        free(l);
        return err_sys(err, errno, "epoll_create1");
    }
    *ret = l;
    return 0;
}

static void
bury(struct loop *l)
{
    struct loop_io *io;

    while ((io = l->dead)) {
        l->dead = io->next;
        free(io);
    }
}

void
loop_free(struct loop *l)
{
    struct loop_io *io, *next;
    struct post *post;

    if (!l)
        return;
    assert(l->depth == 0);
    for (io = l->ios; io; io = next) {
        next = io->next;
        loop_io_free(io);
    }
    while (l->n_timers)
        loop_timer_free(l->heap[l->n_timers - 1]);
    while ((post = l->posts)) {
        l->posts = post->next;
        free(post);
    }
    free(l->heap);
    free(l->sigs);
    (void) fd_close(l->signal_fd);
    (void) fd_close(l->epoll_fd);
    free(l);
}

/* fds */

static int
watch(struct loop_io *io, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.ptr = io};
    int op = io->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

    if (!events) {
        /* out of epoll altogether, which would go on reporting EPOLLHUP */
        if (!io->events)
            return 0;
        op = EPOLL_CTL_DEL;
    }
    return epoll_ctl(io->loop->epoll_fd, op, io->fd, &ev);
}

int
loop_io_add(struct loop *l, int fd, uint32_t events, loop_io_fn fn, void *arg, struct loop_io **ret,
            struct err *err)
{
    struct loop_io *io = xcalloc(1, sizeof *io);

    *io = (struct loop_io){.loop = l, .fn = fn, .arg = arg, .fd = fd};
    if (watch(io, events) < 0) {
        free(io);
        return err_sys(err, errno, "watch descriptor %d", fd);
    }
    io->events = events;
    io->next = l->ios;
    if (l->ios)
        l->ios->prev = io;
    l->ios = io;
    if (ret)
        *ret = io;
    return 0;
}

int
loop_io_set(struct loop_io *io, uint32_t events, struct err *err)
{
    assert(!io->dead);
    if (events == io->events)
        return 0;
    if (watch(io, events) < 0)
        return err_sys(err, errno, "watch descriptor %d", io->fd);
    io->events = events;
    return 0;
}

void
loop_io_free(struct loop_io *io)
{
    struct loop *l;

    if (!io)
        return;
    l = io->loop;
    assert(!io->dead);
    (void) watch(io, 0);
    if (io->prev)
        io->prev->next = io->next;
    else
        l->ios = io->next;
    if (io->next)
        io->next->prev = io->prev;
    if (l->depth == 0) {
        free(io);
        return;
    }
    io->dead = true;
    io->next = l->dead;
    l->dead = io;
}

/* timers */

static bool
earlier(const struct loop_timer *a, const struct loop_timer *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->age < b->age;
}

static void
heap_put(struct loop *l, struct loop_timer *t, size_t at)
{
    l->heap[at] = t;
    t->at = at;
}

/* Moves t, whose place is free, up or down to where it belongs. */
static void
heap_settle(struct loop *l, struct loop_timer *t, size_t at)
{
    size_t child;

    for (; at && earlier(t, l->heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap_put(l, l->heap[(at - 1) / 2], at);
    while ((child = 2 * at + 1) < l->n_timers) {
        if (child + 1 < l->n_timers && earlier(l->heap[child + 1], l->heap[child]))
            child++;
        if (!earlier(l->heap[child], t))
            break;
        heap_put(l, l->heap[child], at);
        at = child;
    }
    heap_put(l, t, at);
}

struct loop_timer *
loop_timer_add(struct loop *l, int64_t at_ns, loop_timer_fn fn, void *arg)
{
    struct loop_timer *t = xcalloc(1, sizeof *t);

    *t = (struct loop_timer){.loop = l, .fn = fn, .arg = arg, .at_ns = at_ns, .age = l->next_age++};
    if (l->n_timers == l->cap_timers) {
        l->cap_timers = l->cap_timers ? 2 * l->cap_timers : 8;
        l->heap = xreallocarray(l->heap, l->cap_timers, sizeof *l->heap);
    }
    l->n_timers++;
    heap_settle(l, t, l->n_timers - 1);
    return t;
}

/* Takes the timer at that place out of the heap; the last one of the array fills the gap. */
static struct loop_timer *
heap_take(struct loop *l, size_t at)
{
    struct loop_timer *t = l->heap[at], *last = l->heap[--l->n_timers];

    if (at < l->n_timers) {
        assert(last != t);
        heap_settle(l, last, at);
    }
    return t;
}

void
loop_timer_free(struct loop_timer *t)
{
    if (!t)
        return;
    assert(t->loop->heap[t->at] == t);
    free(heap_take(t->loop, t->at));
}

static void
fire_timers(struct loop *l)
{
    int64_t now = clock_mono_ns();
    size_t left = l->n_timers; /* a timer that adds a due one must not keep us here */
    struct loop_timer *t;
    loop_timer_fn fn;
    void *arg;

    for (; left && l->n_timers && l->heap[0]->at_ns <= now; left--) {
        t = heap_take(l, 0);
        fn = t->fn;
        arg = t->arg;
        free(t);
        fn(arg);
    }
}

/* Milliseconds until the first timer, at most timeout_ms, rounded up so that it is due then. */
static int
wait_ms(const struct loop *l, int timeout_ms)
{
    int64_t left_ms;

    if (!l->n_timers)
        return timeout_ms;
    left_ms = l->heap[0]->at_ns - clock_mono_ns();
    left_ms = left_ms <= 0 ? 0 : (left_ms - 1) / NS_PER_MS + 1;
    if (left_ms > INT_MAX)
        left_ms = INT_MAX;
    return timeout_ms < 0 || left_ms < timeout_ms ? (int) left_ms : timeout_ms;
}

/* signals */

static void
on_signal(struct loop_io *io, uint32_t events, void *arg)
{
    struct signalfd_siginfo info;
    struct loop *l = arg;

    (void) io;
    (void) events;
    if (read(l->signal_fd, &info, sizeof info) != (ssize_t) sizeof info)
        return;
    for (size_t i = 0; i < l->n_sigs; i++)
        if (l->sigs[i].signo == (int) info.ssi_signo) {
            l->sigs[i].fn(l->sigs[i].signo, l->sigs[i].arg);
            return;
        }
}

int
loop_signal_add(struct loop *l, int signo, loop_signal_fn fn, void *arg, struct err *err)
{
    sigset_t wanted = l->signals;
    int fd, r;

    assert(!sigismember(&l->signals, signo));
    if (sigaddset(&wanted, signo) < 0)
        return err_sys(err, errno, "signal %d", signo);
    r = pthread_sigmask(SIG_BLOCK, &wanted, NULL);
    if (r != 0)
        return err_sys(err, r, "block signal %d", signo);
    fd = signalfd(l->signal_fd, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return err_sys(err, errno, "signalfd");
    if (l->signal_fd < 0) {
        r = loop_io_add(l, fd, EPOLLIN, on_signal, l, NULL, err);
        if (r < 0) {
            (void) fd_close(fd);
            return r;
        }
        l->signal_fd = fd;
    }
    l->signals = wanted;
    l->sigs = xreallocarray(l->sigs, l->n_sigs + 1, sizeof *l->sigs);
    l->sigs[l->n_sigs++] = (struct sig){.signo = signo, .fn = fn, .arg = arg};
    return 0;
}

/* posts and turns */

void
loop_post(struct loop *l, void (*fn)(void *arg), void *arg)
{
    struct post *post = xmalloc(sizeof *post);

    *post = (struct post){.fn = fn, .arg = arg};
    *l->posts_end = post;
    l->posts_end = &post->next;
}

/* Those posted so far; what they post waits for the next turn. */
static void
run_posts(struct loop *l)
{
    struct post *post = l->posts, *next;

    l->posts = NULL;
    l->posts_end = &l->posts;
    for (; post; post = next) {
        next = post->next;
        post->fn(post->arg);
        free(post);
    }
}

void
loop_turn(struct loop *l, int timeout_ms)
{
    struct epoll_event ready[EVENTS_PER_TURN];
    struct loop_io *io;
    bool posted = l->posts != NULL;
    int n;

    l->depth++;
    run_posts(l);
    if (posted || l->quit)
        timeout_ms = 0;
    n = epoll_wait(l->epoll_fd, ready, EVENTS_PER_TURN, wait_ms(l, timeout_ms));
    for (int i = 0; i < n; i++) {
        io = ready[i].data.ptr;
        if (!io->dead && io->events)
            io->fn(io, ready[i].events, io->arg);
    }
    fire_timers(l);
    if (--l->depth == 0)
        bury(l);
}

int
loop_run(struct loop *l)
{
    while (!l->quit)
        loop_turn(l, -1);
    l->quit = false;
    return l->quit_code;
}

void
loop_quit(struct loop *l, int code)
{
    l->quit = true;
    l->quit_code = code;
}
