/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of a service process.
 *
 * The main thread blocks the ending signals before any other thread exists, starts the servers, and then waits for a
 * signal or for the time at which the process would have been idle long enough; the servers' threads do the rest.
 */
#include "api/service/daemon.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/grpc/grpc_server.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/log.h"
#include "libross/base/parse.h"
#include "libross/base/path.h"
#include "libross/base/strv.h"
#include "libross/base/version.h"
#include "libross/config/places.h"

#define GRACE_MS        5000
#define WAIT_MS_MAX     60000
#define LEAVE_LOOK_MS   50 /* between two looks whether a call runs still */
#define LISTEN_FD_FIRST 3
#define LISTEN_FDS_MAX  64
#define PID_TEXT_MAX    32

/* ---- the lock ---- */

static int
locked_by_another(int fd, const char *program, const char *root, struct err *err)
{
    char pid[PID_TEXT_MAX] = {0};

    (void) fd_pread_full(fd, pid, sizeof pid - 1, 0);
    pid[strcspn(pid, "\n")] = '\0';
    return err_set(err, CODE_FAILED_PRECONDITION, "%s is already running for %s (pid %s)", program,
                   root, *pid ? pid : "unknown");
}

int
daemon_lock(const struct daemon_options *opt, int *ret_lock_fd, struct err *err)
{
    const char *root = places_root(opt->root);
    auto_free char *name = xasprintf("%s.lock", opt->program);
    auto_close int dir = -1;
    auto_close int fd = -1;
    char pid[PID_TEXT_MAX];
    int n, r;

    r = path_open_dir(root, 0711, &dir, err);
    if (r < 0)
        return r;
    fd = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_sys(err, errno, "open %s/%s", root, name);
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        if (errno == EWOULDBLOCK)
            return locked_by_another(fd, opt->program, root, err);
        return err_sys(err, errno, "lock %s/%s", root, name);
    }
    /* The pid is for people; a full disk does not keep the service from starting. */
    n = snprintf(pid, sizeof pid, "%d\n", (int) getpid());
    if (ftruncate(fd, 0) == 0)
        (void) fd_pwrite_all(fd, pid, (size_t) n, 0);
    *ret_lock_fd = TAKE_FD(fd);
    return 0;
}

/* A main that locked before it opened its database comes here a second time. */
static int
lock_unless_ours(const struct daemon_options *opt, struct err *err)
{
    static int lock_fd = -1;
    struct err e = {0};
    auto_free char *mine = xasprintf("(pid %d)", (int) getpid());
    int r;

    if (lock_fd >= 0)
        return 0;
    r = daemon_lock(opt, &lock_fd, &e);
    if (r == -CODE_FAILED_PRECONDITION && strstr(e.msg, mine))
        return 0;
    if (r < 0 && err)
        *err = e;
    return r;
}

/* ---- systemd ---- */

/* Tells the supervisor, if there is one (sd_notify(3)). */
static void
notify(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    auto_close int fd = -1;
    size_t n;

    if (!path || (*path != '/' && *path != '@'))
        return;
    n = strlen(path);
    if (n >= sizeof sa.sun_path)
        return;
    memcpy(sa.sun_path, path, n);
    if (*path == '@')
        sa.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void) sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *) &sa,
                  (socklen_t) (offsetof(struct sockaddr_un, sun_path) + n));
}

/*
 * How many sockets have been passed to us (sd_listen_fds(3)); they begin at LISTEN_FD_FIRST. systemd names our
 * pid; ross-cli, which cannot know it before it starts us, leaves LISTEN_PID out.
 */
static unsigned
passed_sockets(struct strv *ret_names)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    const char *names = getenv("LISTEN_FDNAMES");
    uint32_t p, n;

    if (!fds || parse_u32(fds, &n, NULL) < 0 || n > LISTEN_FDS_MAX)
        return 0;
    if (pid && (parse_u32(pid, &p, NULL) < 0 || p != (uint32_t) getpid()))
        return 0;
    if (names)
        *ret_names = strv_split(names, ':');
    for (uint32_t i = 0; i < n; i++)
        (void) fd_set_cloexec(LISTEN_FD_FIRST + (int) i, 1);
    return n;
}

/* The socket passed for this endpoint, or -1: by its name, and the first endpoint also takes the first nameless one. */
static int
passed_socket(const struct daemon_endpoint *e, bool first)
{
    AUTO(strv) names = {0};
    unsigned n = passed_sockets(&names);

    for (unsigned i = 0; i < n; i++)
        if (i < names.n && !strcmp(names.items[i], e->name))
            return LISTEN_FD_FIRST + (int) i;
    if (first && n == 1)
        return LISTEN_FD_FIRST;
    return -1;
}

/* ---- serving ---- */

struct daemon {
    const struct daemon_options *opt;
    struct grpc_service_host *hosts[DAEMON_ENDPOINTS_MAX];
    size_t n_hosts;
    int signal_fd;
};

static int
watch_signals(struct daemon *d, struct err *err)
{
    sigset_t set;

    (void) sigemptyset(&set);
    (void) sigaddset(&set, SIGTERM);
    (void) sigaddset(&set, SIGINT);
    (void) signal(SIGPIPE, SIG_IGN);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL))
        return err_set(err, CODE_INTERNAL, "block signals");
    d->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (d->signal_fd < 0)
        return err_sys(err, errno, "signalfd");
    return 0;
}

static int
start_endpoint(struct daemon *d, const struct daemon_endpoint *e, struct err *err)
{
    bool first = d->n_hosts == 0;
    struct grpc_server_options opt = {.address = e->address, .listen_fd = passed_socket(e, first)};
    int r;

    if (!opt.address && first)
        opt.address = d->opt->address;
    assert(opt.address);
    r = grpc_server_serve(&opt, e->services, e->n, &d->hosts[d->n_hosts], err);
    if (r < 0)
        return err_wrap(err, r, "serve %s", opt.address);
    d->n_hosts++;
    log_info("serving", KV_STR("address", opt.listen_fd >= 0 ? "passed socket" : opt.address),
             KV_STR("version", ROSS_VERSION), KV_STR("root", places_root(d->opt->root)));
    return 0;
}

/* Rounded up; looking again after WAIT_MS_MAX does no harm. */
static int
capped_ms(int64_t ns)
{
    return ns / NS_PER_MS >= WAIT_MS_MAX ? WAIT_MS_MAX : (int) (ns / NS_PER_MS) + 1;
}

/* Milliseconds until the process would have been idle for long enough; 0 = now, -1 = never. */
static int
idle_wait_ms(const struct daemon *d)
{
    int64_t idle_since = 0, left_ns;

    if (d->opt->idle_exit_ns <= 0)
        return -1;
    for (size_t i = 0; i < d->n_hosts; i++) {
        int64_t since = 0;

        if (grpc_server_busy(d->hosts[i], &since))
            return capped_ms(d->opt->idle_exit_ns);
        if (since > idle_since)
            idle_since = since;
    }
    left_ns = idle_since + d->opt->idle_exit_ns - clock_mono_ns();
    return left_ns <= 0 ? 0 : capped_ms(left_ns);
}

static bool
is_busy(const struct daemon *d)
{
    int64_t since = 0;
    bool busy = false;

    for (size_t i = 0; i < d->n_hosts; i++)
        busy |= grpc_server_busy(d->hosts[i], &since);
    return busy;
}

static bool
is_request_to_leave(const struct signalfd_siginfo *si)
{
    return si->ssi_signo == SIGTERM && si->ssi_code == SI_QUEUE &&
           si->ssi_int == DAEMON_LEAVE_WHEN_IDLE;
}

/* Returns why the process ends. */
static const char *
wait_for_end(const struct daemon *d)
{
    bool leaving = false;

    for (;;) {
        struct pollfd p = {.fd = d->signal_fd, .events = POLLIN};
        struct signalfd_siginfo si;
        int wait_ms = idle_wait_ms(d);

        if (wait_ms == 0)
            return "idle";
        if (leaving && !is_busy(d))
            return "asked to";
        if (leaving && wait_ms > LEAVE_LOOK_MS)
            wait_ms = LEAVE_LOOK_MS;
        if (poll(&p, 1, wait_ms) <= 0 || read(d->signal_fd, &si, sizeof si) != sizeof si)
            continue;
        if (is_request_to_leave(&si)) {
            /* a favour of those that the next call starts again */
            leaving = d->opt->idle_exit_ns > 0;
            continue;
        }
        return si.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM";
    }
}

static void
stop(struct daemon *d)
{
    while (d->n_hosts)
        grpc_server_stop(d->hosts[--d->n_hosts], GRACE_MS);
    (void) fd_close(d->signal_fd);
}

int
daemon_serve_endpoints(const struct daemon_options *opt, const struct daemon_endpoint *endpoints,
                       size_t n, struct err *err)
{
    struct daemon d = {.opt = opt, .signal_fd = -1};
    auto_close int state_fd = -1;
    const char *why;
    int r;

    assert(n >= 1 && n <= DAEMON_ENDPOINTS_MAX);
    r = lock_unless_ours(opt, err);
    if (r == 0)
        r = path_open_dir(places_state(opt->state), 0711, &state_fd, err);
    if (r == 0)
        r = watch_signals(&d, err);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = start_endpoint(&d, &endpoints[i], err);
    if (r == 0) {
        notify("READY=1");
        why = wait_for_end(&d);
        notify("STOPPING=1");
        log_info("stopping", KV_STR("why", why));
    }
    stop(&d);
    return r;
}

int
daemon_serve(const struct daemon_options *opt, const struct rpc_service *services, size_t n,
             struct err *err)
{
    const char *dash = strchr(opt->program, '-');
    const struct daemon_endpoint e = {
        .name = dash ? dash + 1 : opt->program, .services = services, .n = n};

    return daemon_serve_endpoints(opt, &e, 1, err);
}
