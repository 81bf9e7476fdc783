/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A non-blocking ttrpc connection on a loop.
 *
 * Reading pauses while more than READ_PAUSE_AT bytes wait to be written, so that a peer which asks without reading
 * the answers stops itself. A connection that broke while something was being sent is shut down and reported at
 * the loop's next turn: senders never see it vanish under them.
 */
#include "ttrpc_conn.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "libross/base/fd.h"
#include "libross/base/mem_try.h"

#define READ_SIZE      4096
#define READS_PER_TURN 16 /* then other connections have their turn */
#define READ_PAUSE_AT  (256 * 1024)

struct ttrpc_conn {
    struct loop_io *io;
    const struct ttrpc_conn_ops *ops;
    void *arg;
    int fd;
    uint32_t events;
    struct ttrpc_reader reader;
    struct buf out;
    size_t out_sent; /* bytes at the front of `out` that are written */
    uint16_t busy;   /* callbacks running */
    bool broken, eof, dead;
};

static void
conn_release(struct ttrpc_conn *c)
{
    ttrpc_reader_done(&c->reader);
    buf_done(&c->out);
    free(c);
}

void
ttrpc_conn_free(struct ttrpc_conn *c)
{
    if (!c)
        return;
    loop_io_free(c->io);
    c->fd = fd_close(c->fd);
    c->dead = true;
    if (!c->busy)
        conn_release(c);
}

size_t
ttrpc_conn_unsent(const struct ttrpc_conn *c)
{
    return c->broken ? 0 : c->out.len - c->out_sent;
}

/* The loop reports the hang-up. */
static void
conn_break(struct ttrpc_conn *c)
{
    c->broken = true;
    buf_done(&c->out);
    c->out_sent = 0;
    (void) shutdown(c->fd, SHUT_RDWR);
}

static void
conn_watch(struct ttrpc_conn *c)
{
    uint32_t events = EPOLLET; /* hang-ups are always reported */

    if (!c->eof && ttrpc_conn_unsent(c) <= READ_PAUSE_AT)
        events = EPOLLIN;
    if (ttrpc_conn_unsent(c))
        events = (events & ~(uint32_t) EPOLLET) | EPOLLOUT;
    if (events == c->events)
        return;
    c->events = events;
    if (loop_io_set(c->io, events, NULL) < 0)
        conn_break(c);
}

static void
conn_flush(struct ttrpc_conn *c)
{
    ssize_t n;

    while (ttrpc_conn_unsent(c)) {
        n = send(c->fd, c->out.data + c->out_sent, c->out.len - c->out_sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            conn_break(c);
            return;
        }
        c->out_sent += (size_t) n;
    }
    buf_done(&c->out);
    c->out_sent = 0;
}

/* Runs the callbacks for what was read; false when the connection was freed by one. */
static bool
conn_feed(struct ttrpc_conn *c, const unsigned char *p, size_t n)
{
    struct ttrpc_frame frame;

    while (!c->dead && !c->broken && ttrpc_reader_next(&c->reader, &p, &n, &frame))
        c->ops->frame(c->arg, &frame);
    return !c->dead;
}

/* 1 read something, 0 nothing there, -1 the end. */
static int
conn_read(struct ttrpc_conn *c)
{
    unsigned char bytes[READ_SIZE];
    struct iovec iov[2];
    size_t direct = 0;
    unsigned n_iov = 0;
    void *space;
    ssize_t n;

    space = ttrpc_reader_space(&c->reader, &direct);
    if (space)
        iov[n_iov++] = (struct iovec){.iov_base = space, .iov_len = direct};
    iov[n_iov++] = (struct iovec){.iov_base = bytes, .iov_len = sizeof bytes};
    do
        n = readv(c->fd, iov, (int) n_iov);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 && errno == EAGAIN ? 0 : -1;
    if (space) {
        direct = (size_t) n < direct ? (size_t) n : direct;
        ttrpc_reader_filled(&c->reader, direct);
        n -= (ssize_t) direct;
    }
    (void) conn_feed(c, bytes, (size_t) n);
    return 1;
}

static void
conn_ready(struct loop_io *io, uint32_t events, void *arg)
{
    struct ttrpc_conn *c = arg;
    int r = 1;

    (void) io;
    c->busy++;
    if (events & EPOLLOUT && !c->broken)
        conn_flush(c);
    for (int i = 0; r > 0 && i < READS_PER_TURN && !c->dead && !c->broken && !c->eof &&
                    ttrpc_conn_unsent(c) <= READ_PAUSE_AT;
         i++)
        r = conn_read(c);
    if (!c->dead && (c->broken || events & EPOLLERR || (r >= 0 && c->eof && events & EPOLLHUP))) {
        c->ops->ended(c->arg, false);
    } else if (!c->dead && r < 0) {
        c->eof = true;
        c->ops->ended(c->arg, !(events & EPOLLHUP));
    } else if (!c->dead && c->eof && events & EPOLLOUT && !ttrpc_conn_unsent(c)) {
        c->ops->ended(c->arg, true);
    }
    if (!c->dead)
        conn_watch(c);
    if (!--c->busy && c->dead)
        conn_release(c);
}

int
ttrpc_conn_new(struct loop *loop, int fd, size_t unsent_max, const struct ttrpc_conn_ops *ops,
               void *arg, struct ttrpc_conn **ret, struct err *err)
{
    struct ttrpc_conn *c = xcalloc(1, sizeof *c);
    int r;

    c->ops = ops;
    c->arg = arg;
    c->fd = fd;
    c->out.max_bytes = unsent_max;
    c->events = EPOLLIN;
    r = fd_set_nonblock(fd) < 0 ? err_sys(err, errno, "make a socket non-blocking")
                                : loop_io_add(loop, fd, EPOLLIN, conn_ready, c, &c->io, err);
    if (r < 0) {
        (void) fd_close(fd);
        conn_release(c);
        return r;
    }
    *ret = c;
    return 0;
}

/* Queues what the socket does not take now. */
static void
conn_write(struct ttrpc_conn *c, const unsigned char *p, size_t n)
{
    ssize_t written = 0;

    if (!ttrpc_conn_unsent(c)) {
        do
            written = send(c->fd, p, n, MSG_NOSIGNAL);
        while (written < 0 && errno == EINTR);
        if (written < 0 && errno != EAGAIN) {
            conn_break(c);
            return;
        }
        if (written < 0)
            written = 0;
    } else if (c->out_sent > c->out.len / 2) {
        buf_consume(&c->out, c->out_sent);
        c->out_sent = 0;
    }
    if ((size_t) written < n && buf_append(&c->out, p + written, n - (size_t) written, NULL) < 0)
        conn_break(c);
}

int
ttrpc_conn_send(struct ttrpc_conn *c, uint32_t stream_id, enum ttrpc_type type, uint8_t flags,
                const ProtobufCMessage *msg, struct err *err)
{
    size_t n = msg ? protobuf_c_message_get_packed_size(msg) : 0;
    struct ttrpc_header h = {
        .length = (uint32_t) n, .stream_id = stream_id, .type = (uint8_t) type, .flags = flags};
    unsigned char small[1024], *bytes = small;

    if (n > TTRPC_FRAME_MAX)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "message of %zu bytes exceeds %d", n,
                       TTRPC_FRAME_MAX);
    if (c->broken)
        return 0;
    if (n + TTRPC_HEADER_SIZE > sizeof small)
        bytes = mem_try_realloc(NULL, n + TTRPC_HEADER_SIZE);
    if (!bytes)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "no memory for a message of %zu bytes", n);
    ttrpc_header_format(&h, bytes);
    if (msg)
        (void) protobuf_c_message_pack(msg, bytes + TTRPC_HEADER_SIZE);
    conn_write(c, bytes, n + TTRPC_HEADER_SIZE);
    if (!c->busy)
        conn_watch(c);
    if (bytes != small)
        free(bytes);
    return 0;
}
