/* SPDX-License-Identifier: Apache-2.0 */
/* The streams of a container in the foreground: fifos between its shim and our own stdin, stdout and stderr. */
#include "container_io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "container_keep.h"
#include "container_relay.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/rmtree.h"
#include "libross/base/strv.h"

#define COPY_SIZE CONTAINER_RELAY_PIECE_MAX

struct container_io {
    char *dir, *in_path, *out_path,
        *err_path;      /* in_path NULL without stdin, err_path NULL with a terminal */
    int in_fd;          /* our writing end of its stdin, -1 = closed */
    int out_fd, err_fd; /* our reading ends, -1 = ended */
    bool terminal, raw;
    struct termios saved;
    char *in_data; /* read from our stdin, not yet written */
    size_t in_at, in_len;
    char keys[DETACH_KEYS_MAX + 1]; /* that detach, in a row; "" = none */
    size_t typed;                   /* of them so far, held back */
    bool detached;
    struct container_relay *relay; /* to others, or NULL */
    struct container_keep *keep;   /* into the log, or NULL */
};

static const int forwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};

static void
signals_set(sigset_t *set)
{
    (void) sigemptyset(set);
    for (size_t i = 0; i < ARRAY_LEN(forwarded); i++)
        (void) sigaddset(set, forwarded[i]);
}

void
container_io_block_signals(void)
{
    sigset_t set;

    signals_set(&set);
    (void) sigprocmask(SIG_BLOCK, &set, NULL);
    (void) signal(SIGPIPE, SIG_IGN);
}

static int
fifo_open(const char *path, int *ret_fd, struct err *err)
{
    int fd;

    if (mkfifo(path, 0600) < 0)
        return err_sys(err, errno, "make fifo '%s'", path);
    fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, errno, "open fifo '%s'", path);
    *ret_fd = fd;
    return 0;
}

int
container_io_new(const char *dir, bool want_stdin, bool terminal, struct container_io **ret,
                 struct err *err)
{
    AUTO_PTR(container_io) io = xcalloc(1, sizeof *io);
    int r;

    io->in_fd = io->out_fd = io->err_fd = -1;
    io->terminal = terminal;
    r = path_mkdirs_at(AT_FDCWD, dir, 0700, err);
    if (r < 0)
        return r;
    io->dir = xstrdup(dir);
    io->out_path = path_join(dir, "stdout");
    r = fifo_open(io->out_path, &io->out_fd, err);
    if (r == 0 && !terminal) {
        io->err_path = path_join(dir, "stderr");
        r = fifo_open(io->err_path, &io->err_fd, err);
    }
    if (r < 0)
        return r;
    if (want_stdin) {
        io->in_path = path_join(dir, "stdin");
        io->in_data = xmalloc(COPY_SIZE + DETACH_KEYS_MAX);
        if (mkfifo(io->in_path, 0600) < 0)
            return err_sys(err, errno, "make fifo '%s'", io->in_path);
    }
    *ret = TAKE(io);
    return 0;
}

int
container_io_attach(const char *in_path, bool terminal, const char *keys, struct container_io **ret,
                    struct err *err)
{
    AUTO_PTR(container_io) io = xcalloc(1, sizeof *io);

    io->in_fd = io->out_fd = io->err_fd = -1;
    io->terminal = terminal;
    (void) snprintf(io->keys, sizeof io->keys, "%s", keys);
    if (in_path) {
        io->in_path = xstrdup(in_path);
        io->in_data = xmalloc(COPY_SIZE + DETACH_KEYS_MAX);
        io->in_fd = open(in_path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        if (io->in_fd < 0)
            return err_sys(err, errno, "open fifo '%s'", in_path);
    }
    *ret = TAKE(io);
    return 0;
}

int
container_io_share(struct container_io *io, struct err *err)
{
    return container_relay_new(io->dir, &io->relay, err);
}

int
container_io_keep(struct container_io *io, const char *log_uri, struct err *err)
{
    return container_keep_new(log_uri, &io->keep, err);
}

void
container_io_set_keys(struct container_io *io, const char *keys)
{
    (void) snprintf(io->keys, sizeof io->keys, "%s", keys);
    io->typed = 0;
    io->detached = false;
}

void
container_io_tell_end(struct container_io *io, uint32_t status)
{
    if (io->relay)
        container_relay_end(io->relay, status);
}

static int
reopen(const char *dir, const char *name, int *ret_fd, struct err *err)
{
    auto_free char *path = path_join(dir, name);
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT ? 0 : err_sys(err, errno, "open fifo '%s'", path);
    *ret_fd = fd;
    return 0;
}

int
container_io_take_over(struct container_io *io, const char *dir, struct err *err)
{
    int r = reopen(dir, "stdout", &io->out_fd, err);

    /* two readers would each get a part */
    if (r == 0 && io->out_fd >= 0 && flock(io->out_fd, LOCK_EX | LOCK_NB) < 0)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "another 'ross-cli attach' reads what it writes");
    return r < 0 || io->terminal ? r : reopen(dir, "stderr", &io->err_fd, err);
}

bool
container_io_detached(const struct container_io *io)
{
    return io->detached;
}

int
container_io_keys_parse(const char *text, char ret[static DETACH_KEYS_MAX + 1], struct err *err)
{
    AUTO(strv) words = strv_split(text, ',');
    size_t n = 0;

    *ret = '\0';
    if (!*text)
        return 0;
    for (size_t i = 0; i < words.n; i++) {
        const char *w = words.items[i];
        bool ctrl = strncmp(w, "ctrl-", 5) == 0 && w[5] && !w[6];
        char c = ctrl ? (char) (w[5] & 0x1f) : *w;

        if (n == DETACH_KEYS_MAX || (!ctrl && (!*w || w[1])) || !c ||
            (ctrl && !strchr("abcdefghijklmnopqrstuvwxyz[]\\^_", w[5])))
            return err_set(err, CODE_INVALID_ARGUMENT,
                           "--detach-keys '%.64s' is not known, use letters and ctrl-a to ctrl-z "
                           "with commas between",
                           text);
        ret[n++] = c;
    }
    ret[n] = '\0';
    return 0;
}

struct task_io
container_io_paths(const struct container_io *io)
{
    return (struct task_io){
        .stdin_path = io->in_path,
        .stdout_path = io->out_path,
        .stderr_path = io->err_path,
        .terminal = io->terminal,
    };
}

static void
terminal_raw(struct container_io *io)
{
    struct termios t;

    if (!io->in_path || tcgetattr(STDIN_FILENO, &io->saved) < 0)
        return;
    t = io->saved;
    cfmakeraw(&t);
    io->raw = tcsetattr(STDIN_FILENO, TCSANOW, &t) == 0;
}

int
container_io_connect(struct container_io *io, struct err *err)
{
    auto_close int hold_fd = -1;

    if (io->in_path && io->in_fd < 0) {
        /* the shim opens its end of an exec's stdin at Start only: without a reader we could not open ours */
        hold_fd = open(io->in_path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        io->in_fd = open(io->in_path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        if (io->in_fd < 0)
            return err_sys(err, errno, "open fifo '%s'", io->in_path);
    }
    if (io->terminal)
        terminal_raw(io);
    return 0;
}

void
container_io_free(struct container_io *io)
{
    if (!io)
        return;
    if (io->raw)
        (void) tcsetattr(STDIN_FILENO, TCSANOW, &io->saved);
    (void) fd_close(io->in_fd);
    (void) fd_close(io->out_fd);
    (void) fd_close(io->err_fd);
    container_relay_free(io->relay);
    container_keep_free(io->keep);
    if (io->dir && !io->detached)
        (void) rmtree_at(AT_FDCWD, io->dir, NULL);
    free(io->dir);
    free(io->in_path);
    free(io->out_path);
    free(io->err_path);
    free(io->in_data);
    free(io);
}

/* Copies what is there to our own stream, to others and into the log. True at the end of the stream. */
static bool
copy_out(const struct container_io *io, int from_fd, int to_fd, char *buf, bool *gone)
{
    int which = to_fd == STDERR_FILENO;
    ssize_t n = read(from_fd, buf, COPY_SIZE);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        if (io->keep)
            container_keep_end(io->keep, which);
        return true;
    }
    /* with nobody to read it the rest is dropped, so that the container can end */
    if (!*gone && fd_write_all(to_fd, buf, (size_t) n) < 0)
        *gone = true;
    if (io->keep)
        container_keep_write(io->keep, which, buf, (size_t) n);
    if (io->relay)
        container_relay_send(io->relay, which ? RELAY_STDERR : RELAY_STDOUT, buf, (size_t) n);
    return false;
}

/*
 * Takes the keys that detach out of what was read, and gives back those that were typed before and turned out to be no
 * part of them. The length of what is to be written; in_data has room for the keys behind COPY_SIZE.
 */
static size_t
hold_keys(struct container_io *io, size_t n)
{
    char data[DETACH_KEYS_MAX];
    size_t len = 0, at = io->typed;

    if (!*io->keys)
        return n;
    /* those held back stand in front again */
    memcpy(data, io->keys, at);
    memmove(io->in_data + at, io->in_data, n);
    memcpy(io->in_data, data, at);
    io->typed = 0;
    for (size_t i = 0; i < n + at && !io->detached; i++) {
        char c = io->in_data[i];

        if (c != io->keys[io->typed]) {
            /* what was held back goes out; the keys do not begin within themselves but at c */
            memmove(io->in_data + len, io->keys, io->typed);
            len += io->typed;
            io->typed = 0;
        }
        if (c == io->keys[io->typed])
            io->typed++;
        else
            io->in_data[len++] = c;
        io->detached = !io->keys[io->typed];
    }
    return len;
}

/* Our stdin → the container: what it does not take now stays in in_data. True when our stdin has ended. */
static bool
copy_in(struct container_io *io, bool readable)
{
    ssize_t n;

    if (!io->in_len && readable) {
        n = read(STDIN_FILENO, io->in_data, COPY_SIZE);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return false;
        if (n <= 0)
            return true;
        io->in_at = 0;
        io->in_len = hold_keys(io, (size_t) n);
    }
    if (!io->in_len)
        return false;
    n = write(io->in_fd, io->in_data + io->in_at, io->in_len);
    if (n < 0)
        return errno != EAGAIN && errno != EINTR;
    io->in_at += (size_t) n;
    io->in_len -= (size_t) n;
    return false;
}

static void
tell_size(const struct container_io *io, const struct container_io_events *ev)
{
    struct winsize ws;

    if (io->terminal && ioctl(STDIN_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col)
        ev->on_resize(ws.ws_col, ws.ws_row, ev->arg);
}

static void
take_signal(const struct container_io *io, int signal_fd, const struct container_io_events *ev)
{
    struct signalfd_siginfo info;

    if (read(signal_fd, &info, sizeof info) != sizeof info)
        return;
    if (info.ssi_signo == SIGWINCH)
        tell_size(io, ev);
    else
        ev->on_signal((int) info.ssi_signo, ev->arg);
}

/* Its fd, unless it waits for the log. */
static int
readable_fd(const struct container_io *io, int which)
{
    if (io->keep && container_keep_is_late(io->keep, which))
        return -1;
    return which ? io->err_fd : io->out_fd;
}

enum {
    WATCH_SIGNAL,
    WATCH_DONE,
    WATCH_OUT,
    WATCH_ERR,
    WATCH_IN_READ,
    WATCH_IN_WRITE,
    WATCH_RELAY,
    WATCH_N
};

int
container_io_copy(struct container_io *io, int done_fd, const struct container_io_events *ev,
                  struct err *err)
{
    auto_free char *buf = xmalloc(COPY_SIZE);
    auto_close int signal_fd = -1;
    struct pollfd p[WATCH_N];
    bool done = false, gone[2] = {false, false}, told = false, late;
    sigset_t set;

    signals_set(&set);
    signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signal_fd < 0)
        return err_sys(err, errno, "signalfd");
    tell_size(io, ev);
    while (!io->detached && (!done || io->out_fd >= 0 || io->err_fd >= 0)) {
        p[WATCH_SIGNAL] = (struct pollfd){.fd = signal_fd, .events = POLLIN};
        p[WATCH_DONE] = (struct pollfd){.fd = done ? -1 : done_fd, .events = POLLIN};
        p[WATCH_OUT] = (struct pollfd){.fd = readable_fd(io, 0), .events = POLLIN};
        p[WATCH_ERR] = (struct pollfd){.fd = readable_fd(io, 1), .events = POLLIN};
        p[WATCH_IN_READ] = (struct pollfd){.fd = io->in_fd >= 0 && !io->in_len ? STDIN_FILENO : -1,
                                           .events = POLLIN};
        p[WATCH_IN_WRITE] = (struct pollfd){.fd = io->in_len ? io->in_fd : -1, .events = POLLOUT};
        p[WATCH_RELAY] =
            (struct pollfd){.fd = io->relay ? container_relay_fd(io->relay) : -1, .events = POLLIN};
        late = io->keep && container_keep_is_late(io->keep, -1);
        if (poll(p, WATCH_N, late ? CONTAINER_KEEP_AGAIN_MS : -1) < 0) {
            if (errno == EINTR)
                continue;
            return err_sys(err, errno, "poll");
        }
        if (late)
            container_keep_again(io->keep);
        if (p[WATCH_SIGNAL].revents)
            take_signal(io, signal_fd, ev);
        /* before what is written now, so that they see it */
        if (p[WATCH_RELAY].revents)
            container_relay_accept(io->relay);
        if (p[WATCH_OUT].revents && copy_out(io, io->out_fd, STDOUT_FILENO, buf, &gone[0]))
            io->out_fd = fd_close(io->out_fd);
        if (p[WATCH_ERR].revents && copy_out(io, io->err_fd, STDERR_FILENO, buf, &gone[1]))
            io->err_fd = fd_close(io->err_fd);
        if ((gone[0] || gone[1]) && !told) {
            told = true;
            ev->on_output_gone(ev->arg);
        }
        if (p[WATCH_DONE].revents) {
            /* a task that failed to start never opened the fifos: there is nothing to wait for then */
            done = true;
            io->in_fd = fd_close(io->in_fd);
            io->in_len = 0;
        }
        if ((p[WATCH_IN_READ].revents || p[WATCH_IN_WRITE].revents) && io->in_fd >= 0 &&
            copy_in(io, p[WATCH_IN_READ].revents != 0)) {
            io->in_fd = fd_close(io->in_fd);
            io->in_len = 0;
            ev->on_stdin_end(ev->arg);
        }
    }
    return 0;
}
