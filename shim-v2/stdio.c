/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard streams.
 *
 *   no terminal:   process ──pipe──▶ relay ──▶ fifo, file or sink        (stdout, stderr)
 *                  fifo ──▶ relay ──pipe──▶ process                      (stdin)
 *                  process ──pipe──▶ logger program                      (binary://: we are not in between)
 *   terminal:      master ──▶ relay ──▶ fifo, file, sink or pipe of the logger;  fifo ──▶ relay ──▶ master
 */
#include "stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>

#include "console.h"
#include "libross/base/fd.h"
#include "libross/base/log.h"
#include "libross/base/path.h"
#include "libross/logfile/log_uri.h"
#include "libross/logfile/ross_log.h"
#include "logger.h"
#include "own_null.h"
#include "relay.h"

/* One output stream. */
struct output {
    struct stdio *s;
    int src; /* our end of the pipe, until the relay takes it */
    int dst; /* where it goes, until the relay takes it */
    enum relay_kind kind;
    struct relay *relay;
    struct ross_log_stream *log;
    int fifo; /* held beside the relay's: see output_fifo_end() */
    int opened_fd;
    struct loop_io *opened; /* tells that somebody opens the fifo */
};

struct stdio {
    struct stdio_spec spec;
    struct log_uri uri;
    void (*ready)(void *arg, int r, const struct err *err);
    void *ready_arg;
    int child[3];
    struct output out[2];
    int in_dst;          /* our end of the process's stdin */
    int in_src, in_hold; /* the stdin fifo for reading, and our own writer of it */
    struct relay *in;
    struct console *console;
    int master; /* for resizing; the relays have copies */
    struct logger *logger;
    struct ross_log *log;
    unsigned open; /* outputs and loggers that have not ended */
    bool in_fifo, in_closed;
    void (*drained)(void *arg);
    void *drained_arg;
};

static void
ended_one(struct stdio *s)
{
    void (*fn)(void *) = s->drained;

    s->open--;
    if (s->open || !fn)
        return;
    s->drained = NULL;
    fn(s->drained_arg);
}

/* ---- opening ---- */

/* Through O_PATH, so that what was looked at is what gets opened. *ret_fifo says which it is. */
static int
name_open(const char *what, const char *path, int fifo_flags, int file_flags, bool *ret_fifo,
          int *ret_fd, struct err *err)
{
    auto_close int at = open(path, O_PATH | O_CLOEXEC);
    char name[PATH_FD_MAX];
    struct stat st;
    int fd;

    if (at < 0 && errno == ENOENT)
        return err_set(err, CODE_NOT_FOUND, "%s %s does not exist", what, path);
    if (at < 0 || fstat(at, &st) < 0)
        return err_sys(err, errno, "open %s %s", what, path);
    *ret_fifo = S_ISFIFO(st.st_mode);
    if (!*ret_fifo && !S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
        return err_set(err, CODE_INVALID_ARGUMENT, "%s %s is neither fifo nor file", what, path);
    fd = open(path_of_fd(at, name), (*ret_fifo ? fifo_flags : file_flags) | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, errno, "open %s %s", what, path);
    *ret_fd = fd;
    return 0;
}

static bool
is_binary(const struct stdio *s)
{
    return s->uri.scheme == LOG_BINARY || s->uri.scheme == LOG_BINARY_2;
}

/* ends[ours] stays here and does not block, the other is the process's. */
static int
pipe_make(const struct stdio *s, int ends[2], int ours, struct err *err)
{
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_sys(err, errno, "make a pipe");
    if ((s->spec.uid || s->spec.gid) && fchown(ends[!ours], s->spec.uid, s->spec.gid) < 0)
        return err_sys(err, errno, "give a pipe to user %u", s->spec.uid);
    /* a logger program gets the end itself, and expects one that blocks */
    if ((ours == 1 || !is_binary(s)) && fd_set_nonblock(ends[ours]) < 0)
        return err_sys(err, errno, "set up a pipe");
    return 0;
}

/* A pipe from the process: child[1 or 2] writes, the output's src reads. */
static int
output_pipe(struct stdio *s, int i, struct err *err)
{
    int ends[2] = {-1, -1};
    int r = pipe_make(s, ends, 0, err);

    s->out[i].src = ends[0];
    s->child[i + 1] = ends[1];
    return r;
}

static int
output_open_path(struct stdio *s, int i, const char *path, struct err *err)
{
    struct output *o = &s->out[i];
    bool fifo = false;
    int r = name_open(i ? "stderr" : "stdout", path, O_RDWR | O_NONBLOCK, O_WRONLY | O_APPEND,
                      &fifo, &o->dst, err);

    if (r < 0)
        return r;
    o->kind = !fifo ? RELAY_FILE : s->spec.terminal ? RELAY_COPY : RELAY_SPLICE;
    return 0;
}

static int
output_open_file(struct stdio *s, int i, struct err *err)
{
    auto_free char *parent = xstrdup(s->uri.path);
    struct output *o = &s->out[i];
    int r;

    *strrchr(parent, '/') = '\0';
    if (parent[0]) {
        r = path_mkdirs_at(AT_FDCWD, parent, 0755, err);
        if (r < 0)
            return r;
    }
    o->dst = open(s->uri.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (o->dst < 0)
        return err_sys(err, errno, "open log file %s", s->uri.path);
    o->kind = RELAY_FILE;
    return 0;
}

static int
output_open(struct stdio *s, int i, struct err *err)
{
    const char *path = i ? s->spec.stderr_path : s->uri.path;

    switch (s->uri.scheme) {
    case LOG_FILE:
        return output_open_file(s, i, err);
    case LOG_ROSS:
        s->out[i].kind = RELAY_SINK;
        s->out[i].log = ross_log_stream(s->log, i);
        return 0;
    case LOG_BINARY:
    case LOG_BINARY_2:
        return 0;
    case LOG_NULL:
    case LOG_PATH:
        break;
    }
    return path[0] ? output_open_path(s, i, path, err) : 0;
}

static bool
output_wanted(const struct stdio *s, int i)
{
    return is_binary(s) || s->out[i].dst >= 0 || s->out[i].log;
}

static int
stdin_open(struct stdio *s, struct err *err)
{
    int ends[2] = {-1, -1}, r;
    bool fifo = false;

    if (!s->spec.stdin_path[0] || is_binary(s))
        return 0;
    r = name_open("stdin", s->spec.stdin_path, O_RDONLY | O_NONBLOCK, O_RDONLY, &fifo, &s->in_src,
                  err);
    if (r < 0)
        return r;
    s->in_fifo = fifo;
    if (s->spec.terminal)
        return 0;
    if (!fifo) { /* a file or device needs no copying */
        s->child[0] = TAKE_FD(s->in_src);
        return 0;
    }
    r = pipe_make(s, ends, 1, err);
    s->child[0] = ends[0];
    s->in_dst = ends[1];
    return r;
}

/* ---- the logger program ---- */

static void
on_logger_ready(void *arg, int r, const struct err *err)
{
    struct stdio *s = arg;

    for (int i = 0; i < 2; i++)
        s->out[i].src = fd_close(s->out[i].src); /* the logger has its own */
    s->ready(s->ready_arg, r, err);
}

static void
on_logger_ended(void *arg)
{
    ended_one(arg);
}

static int
logger_open(struct stdio *s, struct err *err)
{
    struct logger_spec spec = {.loop = s->spec.loop,
                               .reaper = s->spec.reaper,
                               .uri = &s->uri,
                               .ns = s->spec.ns,
                               .id = s->spec.id,
                               .out = s->out[0].src,
                               .err = s->out[1].src,
                               .ready = on_logger_ready,
                               .ended = on_logger_ended,
                               .arg = s};
    int r = logger_start(&spec, &s->logger, err);

    if (r == 0)
        s->open++;
    return r;
}

static void
ready_now(void *arg)
{
    struct stdio *s = arg;
    struct err err = {0};

    s->ready(s->ready_arg, 0, &err);
}

/* ---- setting up ---- */

static int
terminal_setup(struct stdio *s, struct err *err)
{
    int ends[2] = {-1, -1};
    int r;

    if (is_binary(
            s)) { /* the terminal's output reaches the logger's fd 3 through a pipe; its fd 4 stays silent */
        for (int i = 0; i < 2; i++) {
            r = pipe_make(s, ends, 1, err);
            s->out[i].src = ends[0];
            s->out[i].dst = ends[1];
            s->out[i].kind = RELAY_COPY;
            if (r < 0)
                return r;
        }
        s->out[1].dst = fd_close(s->out[1].dst);
    }
    return console_new(&s->console, err);
}

/* What is not connected. The runtime shall not get the host's device where that is to be kept from it. */
static int
fill_with_null(struct stdio *s, struct err *err)
{
    int null_fd = -1;

    for (int i = 0; i < 3; i++) {
        if (s->child[i] >= 0)
            continue;
        s->child[i] = null_fd < 0 ? own_null_open(err) : fcntl(null_fd, F_DUPFD_CLOEXEC, 3);
        if (s->child[i] < 0 && null_fd < 0)
            return -err->code;
        if (s->child[i] < 0)
            return err_sys(err, errno, "share a null device");
        null_fd = s->child[i];
    }
    return 0;
}

static int
setup(struct stdio *s, struct err *err)
{
    int r = log_uri_parse(s->spec.stdout_path, &s->uri, err);

    if (r == 0 && s->uri.scheme == LOG_ROSS)
        r = ross_log_open(&s->uri, &s->log, err);
    for (int i = 0; i < 2 && r == 0; i++)
        if (!(i == 1 && s->spec.terminal))
            r = output_open(s, i, err);
    if (r == 0)
        r = stdin_open(s, err);
    if (r == 0 && s->spec.terminal)
        r = terminal_setup(s, err);
    for (int i = 0; i < 2 && r == 0 && !s->spec.terminal; i++)
        if (output_wanted(s, i))
            r = output_pipe(s, i, err);
    if (r == 0 && s->spec.own_null)
        r = fill_with_null(s, err);
    if (r == 0 && is_binary(s))
        return logger_open(s, err);
    if (r == 0)
        loop_post(s->spec.loop, ready_now, s);
    return r;
}

int
stdio_names_check(const char *in, const char *out, const char *errp, struct err *err)
{
    const char *const names[] = {in, out, errp};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strlen(names[i]) > STDIO_NAME_MAX)
            return err_set(err, CODE_INVALID_ARGUMENT, "the name of a stream is too long");
    return 0;
}

int
stdio_new(const struct stdio_spec *spec, void (*ready)(void *arg, int r, const struct err *err),
          void *arg, struct stdio **ret, struct err *err)
{
    struct stdio *s = xcalloc(1, sizeof *s);
    int r;

    *s = (struct stdio){.spec = *spec,
                        .ready = ready,
                        .ready_arg = arg,
                        .child = {-1, -1, -1},
                        .in_dst = -1,
                        .in_src = -1,
                        .in_hold = -1,
                        .master = -1};
    for (int i = 0; i < 2; i++)
        s->out[i] = (struct output){.s = s, .src = -1, .dst = -1, .fifo = -1, .opened_fd = -1};
    r = setup(s, err);
    if (r < 0) {
        stdio_free(s);
        return r;
    }
    /* the names are the caller's and may be gone later */
    s->spec.stdin_path = s->spec.stdout_path = s->spec.stderr_path = NULL;
    *ret = s;
    return 0;
}

const int *
stdio_child_fds(const struct stdio *s)
{
    return s->child;
}

const char *
stdio_console_path(const struct stdio *s)
{
    return s->console ? console_path(s->console) : NULL;
}

/* ---- copying ---- */

/*
 * The end of a fifo. A reader that is there gets what is left, and then the end, when our last descriptor goes. Without
 * one, we keep a writer until a reader has come or the process is deleted: a fifo that nobody has open forgets its
 * bytes, and one without a writer keeps who opens it waiting.
 */
static void output_fifo_end(struct output *o);

static void
on_fifo_opened(struct loop_io *io, uint32_t events, void *arg)
{
    struct output *o = arg;
    char drain[sizeof(struct inotify_event) + NAME_MAX + 1];

    (void) io;
    (void) events;
    while (read(o->opened_fd, drain, sizeof drain) > 0)
        continue;
    output_fifo_end(o);
}

/* On failure (too many watches) the reader that comes late gets its bytes, and the end with the deletion. */
static void
fifo_watch(struct output *o)
{
    char name[PATH_FD_MAX];

    o->opened_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (o->opened_fd >= 0 &&
        inotify_add_watch(o->opened_fd, path_of_fd(o->fifo, name), IN_OPEN) >= 0 &&
        loop_io_add(o->s->spec.loop, o->opened_fd, EPOLLIN, on_fifo_opened, o, &o->opened, NULL) ==
            0)
        return;
    o->opened_fd = fd_close(o->opened_fd);
}

static void
fifo_unwatch(struct output *o)
{
    loop_io_free(o->opened);
    o->opened = NULL;
    o->opened_fd = fd_close(o->opened_fd);
}

static bool
fifo_has_reader(int writer)
{
    struct pollfd p = {.fd = writer, .events = POLLOUT};

    return !(poll(&p, 1, 0) > 0 && (p.revents & POLLERR));
}

static void
output_fifo_end(struct output *o)
{
    if (!o->opened && !fifo_has_reader(o->fifo))
        fifo_watch(o);
    if (!fifo_has_reader(o->fifo)) /* looked at again: it may have come before the watch */
        return;
    fifo_unwatch(o);
    o->fifo = fd_close(o->fifo);
}

/* Our reading side goes; the writer holds the fifo's content meanwhile. */
static void
fifo_write_only(struct output *o)
{
    char name[PATH_FD_MAX];
    int writer = open(path_of_fd(o->fifo, name), O_WRONLY | O_NONBLOCK | O_CLOEXEC);

    (void) fd_close(o->fifo);
    o->fifo = writer; /* out of descriptors: the end now is better than none */
    if (writer >= 0)
        output_fifo_end(o);
}

static void
output_end(void *arg)
{
    struct output *o = arg;
    struct stdio *s = o->s;

    if (o->log)
        ross_log_stream_end(o->log);
    relay_free(o->relay);
    o->relay = NULL;
    if (o->fifo >= 0)
        fifo_write_only(o);
    ended_one(s);
}

static size_t
output_sink(void *arg, const char *data, size_t n)
{
    return ross_log_write(arg, data, n);
}

/* A terminal that nobody looks at must still be read, or its writers block. */
static size_t
output_drop(void *arg, const char *data, size_t n)
{
    (void) arg;
    (void) data;
    return n;
}

static int
output_start(struct output *o, struct err *err)
{
    struct relay_spec spec = {.kind = o->dst < 0 ? RELAY_SINK : o->kind,
                              .src = TAKE_FD(o->src),
                              .dst = TAKE_FD(o->dst),
                              .sink = o->log ? output_sink : output_drop,
                              .sink_arg = o->log,
                              .end = output_end,
                              .end_arg = o};
    int r;

    if (spec.kind == RELAY_SPLICE || (spec.kind == RELAY_COPY && !is_binary(o->s))) {
        o->fifo = fcntl(spec.dst, F_DUPFD_CLOEXEC, 3);
        if (o->fifo < 0) {
            (void) fd_close(spec.src);
            (void) fd_close(spec.dst);
            return err_sys(err, errno, "hold a fifo open");
        }
    }
    r = relay_new(o->s->spec.loop, &spec, &o->relay, err);
    if (r == 0)
        o->s->open++;
    return r;
}

static void
stdin_end(void *arg)
{
    struct stdio *s = arg;

    if (s->spec.terminal && s->master >= 0) {
        struct termios t;

        /* a line-reading program sees the end of its input as if it had been typed */
        if (tcgetattr(s->master, &t) == 0 && (t.c_lflag & ICANON))
            (void) !write(s->master, &t.c_cc[VEOF], 1);
    }
    relay_free(s->in);
    s->in = NULL;
}

/*
 * Our own writer keeps a detaching client from being the end of the input. A client that has written and left
 * already is not held open for: it may have tried to close the stream before anybody could listen.
 */
static int
stdin_hold(struct stdio *s, struct err *err)
{
    struct pollfd p = {.fd = s->in_src, .events = POLLIN};
    char name[PATH_FD_MAX];

    if (!s->in_fifo || s->in_closed || (poll(&p, 1, 0) > 0 && (p.revents & POLLHUP)))
        return 0;
    s->in_hold = open(path_of_fd(s->in_src, name), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    return s->in_hold < 0 ? err_sys(err, errno, "hold stdin open") : 0;
}

static int
stdin_start(struct stdio *s, struct err *err)
{
    struct relay_spec spec = {.kind = s->spec.terminal ? RELAY_COPY : RELAY_SPLICE,
                              .src = TAKE_FD(s->in_src),
                              .dst = TAKE_FD(s->in_dst),
                              .end = stdin_end,
                              .end_arg = s};

    return relay_new(s->spec.loop, &spec, &s->in, err);
}

int
stdio_begin_input(struct stdio *s, struct err *err)
{
    int r;

    if (s->in_src < 0 || s->in)
        return 0;
    r = stdin_hold(s, err);
    return r < 0 ? r : stdin_start(s, err);
}

static int
copy_fd(int fd, int *ret, struct err *err)
{
    *ret = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return *ret < 0 ? err_sys(err, errno, "copy the terminal's descriptor") : 0;
}

static int
terminal_start(struct stdio *s, struct err *err)
{
    int r = console_take(s->console, &s->master, err);

    if (r == 0 && fd_set_nonblock(s->master) < 0)
        r = err_sys(err, errno, "set up the terminal");
    if (r == 0)
        r = copy_fd(s->master, &s->out[0].src, err);
    if (r == 0 && s->in_src >= 0)
        r = copy_fd(s->master, &s->in_dst, err);
    console_free(s->console);
    s->console = NULL;
    return r;
}

int
stdio_started(struct stdio *s, struct err *err)
{
    int r = 0;

    for (int i = 0; i < 3; i++)
        s->child[i] = fd_close(s->child[i]);
    if (s->console)
        r = terminal_start(s, err);
    for (int i = 0; i < 2 && r == 0; i++)
        if (s->out[i].src >= 0)
            r = output_start(&s->out[i], err);
    return r;
}

void
stdio_close_stdin(struct stdio *s)
{
    s->in_closed = true;
    s->in_hold = fd_close(s->in_hold);
}

int
stdio_resize(struct stdio *s, uint32_t width, uint32_t height, struct err *err)
{
    struct winsize size = {.ws_col = (unsigned short) width, .ws_row = (unsigned short) height};

    if (s->master < 0)
        return 0;
    if (width > UINT16_MAX || height > UINT16_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "a terminal cannot be %u by %u", width, height);
    if (ioctl(s->master, TIOCSWINSZ, &size) < 0)
        return err_sys(err, errno, "resize the terminal");
    return 0;
}

bool
stdio_drained(const struct stdio *s)
{
    return s->open == 0;
}

void
stdio_on_drained(struct stdio *s, void (*fn)(void *arg), void *arg)
{
    s->drained = fn;
    s->drained_arg = arg;
}

void
stdio_free(struct stdio *s)
{
    if (!s)
        return;
    for (int i = 0; i < 3; i++)
        (void) fd_close(s->child[i]);
    for (int i = 0; i < 2; i++) {
        if (s->out[i].relay)
            relay_push(s->out[i].relay);
        relay_free(s->out[i].relay);
        (void) fd_close(s->out[i].src);
        (void) fd_close(s->out[i].dst);
        fifo_unwatch(&s->out[i]);
        (void) fd_close(s->out[i].fifo);
    }
    relay_free(s->in);
    (void) fd_close(s->in_src);
    (void) fd_close(s->in_dst);
    (void) fd_close(s->in_hold);
    (void) fd_close(s->master);
    console_free(s->console);
    logger_free(s->logger);
    ross_log_close(s->log);
    log_uri_done(&s->uri);
    free(s);
}
