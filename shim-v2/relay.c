/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One stream.
 *
 * The source is watched while the destination can take more, else the destination is. Bytes that were read but not
 * taken exist only in RELAY_COPY and live in `left`. All relays read through one scratch area, whose pages are
 * given back when a burst is over.
 */
#include "relay.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/log.h"

#define CHUNK_SIZE      (64 * 1024)
#define ROUNDS_PER_TURN 16 /* then the others have their turn */
#define SINK_PAUSE_MS   500

struct relay {
    struct loop *loop;
    struct relay_spec spec;
    struct loop_io *in, *out;
    struct loop_timer *pause; /* a sink that took nothing is asked again */
    char *left;
    size_t left_at, left_len;
    uint64_t dropped;
    bool warned;
};

enum moved { MOVED_SOME, MOVED_ALL_FOR_NOW, MOVED_DST_FULL, MOVED_END };

static void on_pause(void *arg);

static char *
scratch(void)
{
    static char *area;

    if (!area) {
        area = mmap(NULL, CHUNK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (area == MAP_FAILED)
            area = NULL;
    }
    return area;
}

static void
scratch_rest(enum relay_kind kind)
{
    if (kind != RELAY_SPLICE && scratch())
        (void) madvise(scratch(), CHUNK_SIZE, MADV_DONTNEED);
}

static bool
writable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};

    return poll(&p, 1, 0) > 0;
}

static enum moved
move_splice(struct relay *r)
{
    ssize_t n =
        splice(r->spec.src, NULL, r->spec.dst, NULL, CHUNK_SIZE, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

    if (n > 0)
        return MOVED_SOME;
    if (n == 0)
        return MOVED_END;
    if (errno == EINTR)
        return MOVED_SOME;
    if (errno != EAGAIN)
        return MOVED_END;
    return writable(r->spec.dst) ? MOVED_ALL_FOR_NOW : MOVED_DST_FULL;
}

static ssize_t
give(struct relay *r, const char *p, size_t n)
{
    size_t taken;

    if (r->spec.kind != RELAY_SINK)
        return write(r->spec.dst, p, n);
    taken = r->spec.sink(r->spec.sink_arg, p, n);
    if (taken)
        return (ssize_t) taken;
    errno = EAGAIN;
    return -1;
}

static enum moved
left_write(struct relay *r)
{
    while (r->left_at < r->left_len) {
        ssize_t n = give(r, r->left + r->left_at, r->left_len - r->left_at);

        if (n > 0)
            r->left_at += (size_t) n;
        else if (errno == EAGAIN)
            return MOVED_DST_FULL;
        else if (errno != EINTR)
            return MOVED_END;
    }
    free(r->left);
    r->left = NULL;
    r->left_at = r->left_len = 0;
    return MOVED_SOME;
}

static enum moved
chunk_copy(struct relay *r, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t w = give(r, p, n);

        if (w > 0) {
            p += w;
            n -= (size_t) w;
        } else if (errno == EAGAIN) {
            r->left = xmalloc(n);
            memcpy(r->left, p, n);
            r->left_len = n;
            return MOVED_DST_FULL;
        } else if (errno != EINTR) {
            return MOVED_END;
        }
    }
    return MOVED_SOME;
}

static void
chunk_file(struct relay *r, const char *p, size_t n)
{
    if (fd_write_all(r->spec.dst, p, n) == 0)
        return;
    r->dropped += n;
    if (!r->warned)
        log_warn("cannot write a container's output, dropping it", KV_STR("why", strerror(errno)));
    r->warned = true;
}

static enum moved
move_chunk(struct relay *r)
{
    char *chunk = scratch();
    ssize_t n;

    if (r->left)
        return left_write(r);
    if (!chunk)
        return MOVED_END;
    n = read(r->spec.src, chunk, CHUNK_SIZE);
    if (n < 0 && errno == EINTR)
        return MOVED_SOME;
    if (n < 0 && errno == EAGAIN)
        return MOVED_ALL_FOR_NOW;
    if (n <= 0)
        return MOVED_END; /* EIO is how a terminal's master says it */
    if (r->spec.kind != RELAY_FILE)
        return chunk_copy(r, chunk, (size_t) n);
    chunk_file(r, chunk, (size_t) n);
    return MOVED_SOME;
}

static void on_ready(struct loop_io *io, uint32_t events, void *arg);

/* Out of descriptors for epoll: end the stream rather than spin or hang. */
static bool
wait_for(struct relay *r, enum moved m)
{
    if (m == MOVED_DST_FULL && r->spec.kind == RELAY_SINK) {
        r->pause =
            loop_timer_add(r->loop, clock_mono_ns() + SINK_PAUSE_MS * NS_PER_MS, on_pause, r);
        return loop_io_set(r->in, 0, NULL) == 0;
    }
    if (m == MOVED_DST_FULL) {
        if (!r->out && loop_io_add(r->loop, r->spec.dst, EPOLLOUT, on_ready, r, &r->out, NULL) < 0)
            return false;
        return loop_io_set(r->in, 0, NULL) == 0;
    }
    loop_io_free(r->out);
    r->out = NULL;
    return loop_io_set(r->in, EPOLLIN, NULL) == 0;
}

static void
end(struct relay *r)
{
    relay_end_fn fn = r->spec.end;
    void *arg = r->spec.end_arg;

    loop_io_free(r->in);
    loop_io_free(r->out);
    loop_timer_free(r->pause);
    r->in = r->out = NULL;
    r->pause = NULL;
    if (fn)
        fn(arg);
}

static enum moved
move(struct relay *r)
{
    enum moved m = MOVED_SOME;

    for (int i = 0; i < ROUNDS_PER_TURN && m == MOVED_SOME; i++)
        m = r->spec.kind == RELAY_SPLICE ? move_splice(r) : move_chunk(r);
    if (m != MOVED_SOME)
        scratch_rest(r->spec.kind);
    return m;
}

static void
turn(struct relay *r)
{
    enum moved m = move(r);

    if (m == MOVED_END || !wait_for(r, m == MOVED_SOME && r->left ? MOVED_DST_FULL : m))
        end(r);
}

static void
on_ready(struct loop_io *io, uint32_t events, void *arg)
{
    (void) io;
    (void) events;
    turn(arg);
}

static void
on_pause(void *arg)
{
    struct relay *r = arg;

    r->pause = NULL;
    turn(r);
}

int
relay_new(struct loop *loop, const struct relay_spec *spec, struct relay **ret, struct err *err)
{
    struct relay *r = xcalloc(1, sizeof *r);
    int code;

    assert(spec->src >= 0 && (spec->dst >= 0 || spec->kind == RELAY_SINK));
    r->loop = loop;
    r->spec = *spec;
    code = loop_io_add(loop, spec->src, EPOLLIN, on_ready, r, &r->in, err);
    if (code < 0) {
        relay_free(r);
        return code;
    }
    *ret = r;
    return 0;
}

void
relay_push(struct relay *r)
{
    if (r->in)
        (void) move(r);
}

void
relay_free(struct relay *r)
{
    if (!r)
        return;
    loop_io_free(r->in);
    loop_io_free(r->out);
    loop_timer_free(r->pause);
    (void) fd_close(r->spec.src);
    (void) fd_close(r->spec.dst);
    free(r->left);
    free(r);
}

uint64_t
relay_dropped(const struct relay *r)
{
    return r->dropped;
}
