/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "relay.h"

/* Bytes by position, so that a lost or swapped one shows. */
static unsigned char
byte_at(size_t i)
{
    return (unsigned char) (i * 31 + (i >> 8) * 7 + (i >> 16));
}

struct feeder {
    int fd;
    size_t n;
};

static void *
feed(void *arg)
{
    struct feeder *f = arg;
    unsigned char part[3001];

    for (size_t i = 0; i < f->n;) {
        size_t k = 0;

        while (k < sizeof part && i + k < f->n) {
            part[k] = byte_at(i + k);
            k++;
        }
        assert_int_equal(fd_write_all(f->fd, part, k), 0);
        i += k;
    }
    close(f->fd);
    return NULL;
}

struct taker {
    int fd;
    size_t n;
    bool wrong;
};

static void *
take(void *arg)
{
    struct taker *t = arg;
    unsigned char part[4099];
    ssize_t n;

    while ((n = read(t->fd, part, sizeof part)) > 0)
        for (ssize_t i = 0; i < n; i++)
            if (part[i] != byte_at(t->n++))
                t->wrong = true;
    close(t->fd);
    return NULL;
}

static void
on_end(void *arg)
{
    *(bool *) arg = true;
}

static void
pass(enum relay_kind kind, size_t n)
{
    struct loop *loop;
    struct relay *relay;
    struct err err = {0};
    int in[2], out[2];
    bool ended = false;
    struct feeder f;
    struct taker t;
    pthread_t a, b;

    assert_ok(loop_new(&loop, &err), &err);
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    fd_set_nonblock(in[0]);
    fd_set_nonblock(out[1]);
    f = (struct feeder){.fd = in[1], .n = n};
    t = (struct taker){.fd = out[0]};
    assert_ok(
        relay_new(loop,
                  &(struct relay_spec){
                      .kind = kind, .src = in[0], .dst = out[1], .end = on_end, .end_arg = &ended},
                  &relay, &err),
        &err);
    pthread_create(&a, NULL, feed, &f);
    pthread_create(&b, NULL, take, &t);
    while (!ended)
        loop_turn(loop, 5000);
    relay_free(relay);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    loop_free(loop);
    assert_int_equal(t.n, n);
    assert_false(t.wrong);
}

static void
every_byte_arrives_in_order(void **state)
{
    (void) state;
    for (int kind = RELAY_SPLICE; kind <= RELAY_COPY; kind++) {
        pass(kind, 0);
        for (size_t bit = 0; bit <= 24; bit += 3) {
            pass(kind, ((size_t) 1 << bit) - 1);
            pass(kind, (size_t) 1 << bit);
            pass(kind, ((size_t) 1 << bit) + 1);
        }
    }
}

static void
full_disk_drops_and_counts(void **state)
{
    struct loop *loop;
    struct relay *relay;
    struct err err = {0};
    bool ended = false;
    int in[2], full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    (void) state;
    assert_ok(loop_new(&loop, &err), &err);
    assert_int_equal(pipe2(in, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(write(in[1], "lost", 4), 4);
    close(in[1]);
    assert_ok(
        relay_new(
            loop,
            &(struct relay_spec){
                .kind = RELAY_FILE, .src = in[0], .dst = full, .end = on_end, .end_arg = &ended},
            &relay, &err),
        &err);
    while (!ended)
        loop_turn(loop, 5000);
    assert_int_equal(relay_dropped(relay), 4);
    relay_free(relay);
    loop_free(loop);
}

static int refusals;
static size_t taken;

static size_t
reluctant(void *arg, const char *data, size_t n)
{
    (void) arg;
    (void) data;
    if (refusals++ == 0)
        return 0;
    taken += n > 2 ? 2 : n;
    return n > 2 ? 2 : n;
}

static void
sink_that_refuses_is_asked_again(void **state)
{
    struct loop *loop;
    struct relay *relay;
    struct err err = {0};
    bool ended = false;
    int in[2];

    (void) state;
    assert_ok(loop_new(&loop, &err), &err);
    assert_int_equal(pipe2(in, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(write(in[1], "seven b", 7), 7);
    close(in[1]);
    assert_ok(relay_new(loop,
                        &(struct relay_spec){.kind = RELAY_SINK,
                                             .src = in[0],
                                             .dst = -1,
                                             .sink = reluctant,
                                             .end = on_end,
                                             .end_arg = &ended},
                        &relay, &err),
              &err);
    while (!ended)
        loop_turn(loop, 5000);
    assert_int_equal(taken, 7);
    relay_free(relay);
    loop_free(loop);
}

static void
destination_that_is_gone_ends_the_stream(void **state)
{
    struct loop *loop;
    struct relay *relay;
    struct err err = {0};
    bool ended = false;
    int in[2], out[2];

    (void) state;
    signal(SIGPIPE, SIG_IGN);
    assert_ok(loop_new(&loop, &err), &err);
    assert_int_equal(pipe2(in, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
    close(out[0]);
    assert_int_equal(write(in[1], "x", 1), 1);
    assert_ok(relay_new(loop,
                        &(struct relay_spec){.kind = RELAY_SPLICE,
                                             .src = in[0],
                                             .dst = out[1],
                                             .end = on_end,
                                             .end_arg = &ended},
                        &relay, &err),
              &err);
    while (!ended)
        loop_turn(loop, 5000);
    relay_free(relay);
    close(in[1]);
    loop_free(loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_arrives_in_order),
        cmocka_unit_test(full_disk_drops_and_counts),
        cmocka_unit_test(sink_that_refuses_is_asked_again),
        cmocka_unit_test(destination_that_is_gone_ends_the_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
