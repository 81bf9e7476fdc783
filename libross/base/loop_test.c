/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of loop.c. */
#include "libross/base/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/test.h"

#define TRACE_MAX 4096

/* What the callbacks did, as letters. */
struct trace {
    char text[TRACE_MAX];
    size_t n;
    struct loop *loop;
};

static void
note(struct trace *t, char c)
{
    assert_true(t->n < TRACE_MAX - 1);
    t->text[t->n++] = c;
    t->text[t->n] = '\0';
}

struct mark {
    struct trace *trace;
    char letter;
};

static void
on_mark(void *arg)
{
    struct mark *m = arg;

    note(m->trace, m->letter);
}

static struct trace
fresh(void)
{
    struct trace t = {.n = 0};
    struct err err = {0};

    assert_ok(loop_new(&t.loop, &err), &err);
    return t;
}

static void
timers_fire_in_order_of_time_then_age(void **state)
{
    struct trace t = fresh();
    struct mark marks[8];
    int64_t past = clock_mono_ns() - NS_PER_S;
    static const int delay[8] = {5, 3, 3, 9, 1, 7, 3, 0};
    struct loop_timer *timers[8];

    (void) state;
    for (int i = 0; i < 8; i++) {
        marks[i] = (struct mark){&t, (char) ('a' + i)};
        timers[i] = loop_timer_add(t.loop, past + delay[i], on_mark, &marks[i]);
    }
    loop_timer_free(timers[5]);
    loop_timer_free(NULL);
    loop_turn(t.loop, -1);
    assert_string_equal(t.text, "hebcgad");
    loop_free(t.loop);
}

static void
a_heap_of_many_timers_stays_sorted(void **state)
{
    enum { N = 1000 };
    struct trace t = fresh();
    struct loop_timer *timers[N];
    struct mark m = {&t, 'x'};
    int64_t past = clock_mono_ns() - NS_PER_S;
    uint32_t seed = 1;

    (void) state;
    for (int i = 0; i < N; i++) {
        seed = seed * 1103515245 + 12345;
        timers[i] = loop_timer_add(t.loop, past + (int64_t) (seed >> 8) % 1000, on_mark, &m);
    }
    for (int i = 0; i < N; i += 3)
        loop_timer_free(timers[i]);
    loop_turn(t.loop, -1);
    assert_int_equal(t.n, N - (N + 2) / 3);
    loop_turn(t.loop, 0);
    assert_int_equal(t.n, N - (N + 2) / 3);
    loop_free(t.loop);
}

static void
quit_7(void *arg)
{
    loop_quit(((struct trace *) arg)->loop, 7);
}

static void
a_timer_never_fires_early(void **state)
{
    struct trace t = fresh();
    int64_t at;

    (void) state;
    for (int i = 0; i < 5; i++) {
        at = clock_mono_ns() + 3 * NS_PER_MS + NS_PER_MS / 2;
        (void) loop_timer_add(t.loop, at, quit_7, &t);
        assert_int_equal(loop_run(t.loop), 7);
        assert_true(clock_mono_ns() >= at);
    }
    loop_free(t.loop);
}

static void
add_again(void *arg)
{
    struct trace *t = arg;

    note(t, 'r');
    (void) loop_timer_add(t->loop, 0, add_again, t);
}

static void
a_timer_that_adds_a_due_one_does_not_hold_the_turn(void **state)
{
    struct trace t = fresh();

    (void) state;
    (void) loop_timer_add(t.loop, 0, add_again, &t);
    for (int i = 1; i < 4; i++) {
        loop_turn(t.loop, -1);
        assert_int_equal(t.n, i);
    }
    loop_free(t.loop);
}

struct both {
    struct trace *trace;
    struct loop_io *io[2];
    int fd[2];
};

static void
free_both(struct loop_io *io, uint32_t events, void *arg)
{
    struct both *b = arg;

    (void) io;
    assert_true(events & EPOLLIN);
    note(b->trace, 'f');
    loop_io_free(b->io[0]);
    loop_io_free(b->io[1]);
}

static void
a_callback_may_free_every_source(void **state)
{
    struct trace t = fresh();
    struct both b = {.trace = &t};
    struct err err = {0};
    int w[2], p[2];

    (void) state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pipe2(p, O_CLOEXEC), 0);
        b.fd[i] = p[0];
        w[i] = p[1];
        assert_int_equal(write(w[i], "x", 1), 1);
        assert_ok(loop_io_add(t.loop, b.fd[i], EPOLLIN, free_both, &b, &b.io[i], &err), &err);
    }
    /* both are ready in the same turn, only one may run */
    loop_turn(t.loop, 1000);
    loop_turn(t.loop, 0);
    assert_string_equal(t.text, "f");
    for (int i = 0; i < 2; i++) {
        (void) close(w[i]);
        (void) close(b.fd[i]);
    }
    loop_free(t.loop);
}

static void
on_io(struct loop_io *io, uint32_t events, void *arg)
{
    (void) io;
    note(arg, events & EPOLLHUP ? 'H' : events & EPOLLIN ? 'I' : 'O');
}

static void
a_paused_source_does_not_even_report_hangup(void **state)
{
    struct trace t = fresh();
    struct loop_io *io = NULL;
    struct err err = {0};
    int p[2];

    (void) state;
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    assert_ok(loop_io_add(t.loop, p[0], 0, on_io, &t, &io, &err), &err);
    (void) close(p[1]);
    loop_turn(t.loop, 0);
    assert_string_equal(t.text, "");
    assert_ok(loop_io_set(io, EPOLLIN, &err), &err);
    loop_turn(t.loop, 0);
    assert_string_equal(t.text, "H");
    assert_ok(loop_io_set(io, EPOLLIN | EPOLLPRI, &err), &err);
    assert_ok(loop_io_set(io, 0, &err), &err);
    assert_ok(loop_io_set(io, 0, &err), &err);
    loop_turn(t.loop, 0);
    assert_string_equal(t.text, "H");
    loop_io_free(io);
    loop_io_free(NULL);
    (void) close(p[0]);
    loop_free(t.loop);
}

static void
what_epoll_cannot_watch_is_an_error(void **state)
{
    struct trace t = fresh();
    struct err err = {0};
    auto_close int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    (void) state;
    assert_true(loop_io_add(t.loop, file, EPOLLIN, on_io, &t, NULL, &err) < 0);
    assert_int_equal(err.sys_errno, EPERM);
    assert_true(loop_io_add(t.loop, -1, EPOLLIN, on_io, &t, NULL, &err) < 0);
    assert_int_equal(err.sys_errno, EBADF);
    loop_free(t.loop);
}

static void
on_signal_note(int signo, void *arg)
{
    note(arg, signo == SIGUSR1 ? '1' : '2');
}

static void
signals_arrive_in_the_loop(void **state)
{
    struct trace t = fresh();
    struct err err = {0};

    (void) state;
    assert_ok(loop_signal_add(t.loop, SIGUSR1, on_signal_note, &t, &err), &err);
    assert_ok(loop_signal_add(t.loop, SIGUSR2, on_signal_note, &t, &err), &err);
    (void) kill(getpid(), SIGUSR2);
    loop_turn(t.loop, 1000);
    assert_string_equal(t.text, "2");
    (void) kill(getpid(), SIGUSR1);
    (void) kill(getpid(), SIGUSR1); /* while pending: one delivery */
    loop_turn(t.loop, 1000);
    loop_turn(t.loop, 0);
    assert_string_equal(t.text, "21");
    loop_free(t.loop);
}

struct repost {
    struct mark mark;
    int times;
};

static void
post_again(void *arg)
{
    struct repost *r = arg;

    on_mark(&r->mark);
    if (--r->times)
        loop_post(r->mark.trace->loop, post_again, r);
}

static void
posts_run_once_in_order_and_a_turn_later_when_posted_by_posts(void **state)
{
    struct trace t = fresh();
    struct repost r = {{&t, 'r'}, 3};
    struct mark a = {&t, 'a'}, b = {&t, 'b'};

    (void) state;
    loop_post(t.loop, on_mark, &a);
    loop_post(t.loop, post_again, &r);
    loop_post(t.loop, on_mark, &b);
    loop_turn(t.loop, -1);
    assert_string_equal(t.text, "arb");
    loop_turn(t.loop, -1);
    assert_string_equal(t.text, "arbr");
    loop_turn(t.loop, -1);
    assert_string_equal(t.text, "arbrr");
    loop_turn(t.loop, 0);
    assert_string_equal(t.text, "arbrr");
    loop_post(t.loop, on_mark, &a); /* never run: freed with the loop */
    loop_free(t.loop);
}

static void
run_ends_at_quit_also_when_it_came_before(void **state)
{
    struct trace t = fresh();

    (void) state;
    loop_quit(t.loop, 3);
    assert_int_equal(loop_run(t.loop), 3);
    loop_post(t.loop, quit_7, &t);
    assert_int_equal(loop_run(t.loop), 7);
    loop_free(t.loop);
}

static void
free_self(struct loop_io *io, uint32_t events, void *arg)
{
    char c;

    (void) events;
    (void) !read(*(int *) arg, &c, 1);
    loop_io_free(io);
}

static void
nothing_grows_over_a_hundred_thousand_sources(void **state)
{
    struct trace t = fresh();
    struct err err = {0};
    size_t before = 0;
    int p[2];

    (void) state;
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    for (int i = 0; i < 100000; i++) {
        if (i == 1000)
            before = mallinfo2().uordblks;
        assert_int_equal(write(p[1], "x", 1), 1);
        assert_ok(loop_io_add(t.loop, p[0], EPOLLIN, free_self, &p[0], NULL, &err), &err);
        loop_timer_free(loop_timer_add(t.loop, INT64_MAX, quit_7, &t));
        loop_turn(t.loop, 1000);
    }
    assert_int_equal(mallinfo2().uordblks, before);
    (void) close(p[0]);
    (void) close(p[1]);
    loop_free(t.loop);
    loop_free(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_in_order_of_time_then_age),
        cmocka_unit_test(a_heap_of_many_timers_stays_sorted),
        cmocka_unit_test(a_timer_never_fires_early),
        cmocka_unit_test(a_timer_that_adds_a_due_one_does_not_hold_the_turn),
        cmocka_unit_test(a_callback_may_free_every_source),
        cmocka_unit_test(a_paused_source_does_not_even_report_hangup),
        cmocka_unit_test(what_epoll_cannot_watch_is_an_error),
        cmocka_unit_test(signals_arrive_in_the_loop),
        cmocka_unit_test(posts_run_once_in_order_and_a_turn_later_when_posted_by_posts),
        cmocka_unit_test(run_ends_at_quit_also_when_it_came_before),
        cmocka_unit_test(nothing_grows_over_a_hundred_thousand_sources),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
