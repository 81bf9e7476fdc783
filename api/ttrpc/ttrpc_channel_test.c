/* SPDX-License-Identifier: Apache-2.0 */
#include "ttrpc_channel.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/rpc/toy/toy_cases.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/test.h"
#include "testlib/test_server.h"
#include "ttrpc_frame.h"

#define THREADS 16
#define CALLS   200

static void
calls_a_server(void **state)
{
    struct test_server *s = test_server_new();
    struct rpc_channel *ch;
    struct err err = {0};

    (void) state;
    assert_ok(ttrpc_channel_open(s->path, &ch, &err), &err);
    toy_case_unary(ch);
    toy_case_errors(ch);
    toy_case_later(ch, &s->toy);
    rpc_channel_free(ch);
    test_server_free(s);
}

static void *
many_calls(void *arg)
{
    Ross__Toy__Word w = ROSS__TOY__WORD__INIT;
    struct arena arena = {0};
    struct err err = {0};
    void *reply;

    for (int i = 0; i < CALLS; i++) {
        w.number = i;
        assert_ok(
            rpc_invoke(arg, NULL, &ross__toy__toy__descriptor, "Echo", &w, &arena, &reply, &err),
            &err);
        assert_int_equal(((Ross__Toy__Word *) reply)->number, i);
        arena_reset(&arena);
    }
    arena_done(&arena);
    return NULL;
}

static void
threads_share_a_connection(void **state)
{
    struct test_server *s = test_server_new();
    char *address = xasprintf("unix://%s", s->path);
    pthread_t threads[THREADS];
    struct rpc_channel *ch;
    struct err err = {0};

    (void) state;
    assert_ok(ttrpc_channel_open(address, &ch, &err), &err);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, many_calls, ch), 0);
    for (int i = 0; i < THREADS; i++)
        (void) pthread_join(threads[i], NULL);
    rpc_channel_free(ch);
    free(address);
    test_server_free(s);
}

static void
names_the_address_that_does_not_answer(void **state)
{
    struct rpc_channel *ch;
    struct err err = {0};

    (void) state;
    assert_code(ttrpc_channel_open("/nowhere/s.sock", &ch, &err), CODE_UNAVAILABLE, &err);
    assert_non_null(strstr(err.msg, "/nowhere/s.sock"));
    assert_code(ttrpc_channel_open("no-such-abstract-socket", &ch, &err), CODE_UNAVAILABLE, &err);
    assert_code(ttrpc_channel_open("", &ch, &err), CODE_INVALID_ARGUMENT, &err);
}

/* ---- a scripted peer ---- */

struct peer {
    char *dir, *path;
    int listen_fd, fd;
    struct rpc_channel *ch;
};

static void
peer_init(struct peer *p)
{
    struct err err = {0};

    p->dir = test_tmpdir();
    p->path = xasprintf("%s/p.sock", p->dir);
    p->listen_fd = test_listen(p->path);
    assert_ok(ttrpc_channel_open(p->path, &p->ch, &err), &err);
    p->fd = accept(p->listen_fd, NULL, NULL);
    assert_true(p->fd >= 0);
}

static void
peer_done(struct peer *p)
{
    rpc_channel_free(p->ch);
    (void) fd_close(p->fd);
    (void) fd_close(p->listen_fd);
    test_tmpdir_remove(p->dir);
    free(p->path);
}

static void
peer_expect(struct peer *p, uint32_t id, enum ttrpc_type type, uint8_t flags, const char *holds)
{
    unsigned char head[TTRPC_HEADER_SIZE], payload[512];
    struct ttrpc_header h;

    assert_int_equal(fd_read_full(p->fd, head, sizeof head), sizeof head);
    ttrpc_header_parse(head, &h);
    assert_in_range(h.length, 0, sizeof payload);
    assert_int_equal(fd_read_full(p->fd, payload, h.length), h.length);
    assert_int_equal(h.stream_id, id);
    assert_int_equal(h.type, type);
    assert_int_equal(h.flags, flags);
    if (holds)
        assert_non_null(memmem(payload, h.length, holds, strlen(holds)));
    else
        assert_int_equal(h.length, 0);
}

static void
peer_say(struct peer *p, uint32_t id, enum ttrpc_type type, uint8_t flags, const char *bytes,
         size_t n)
{
    struct ttrpc_header h = {
        .length = (uint32_t) n, .stream_id = id, .type = (uint8_t) type, .flags = flags};
    unsigned char head[TTRPC_HEADER_SIZE];

    ttrpc_header_format(&h, head);
    assert_int_equal(fd_write_all(p->fd, head, sizeof head), 0);
    assert_int_equal(fd_write_all(p->fd, bytes, n), 0);
}

#define WORD(s) "\x0a" s, sizeof s

static struct rpc_stream *
open_stream(struct peer *p, const char *method)
{
    struct rpc_stream *s;
    struct err err = {0};

    assert_ok(rpc_stream_open(p->ch, NULL, &ross__toy__toy__descriptor, method, &s, &err), &err);
    return s;
}

static void
say(struct rpc_stream *s, const char *text)
{
    Ross__Toy__Word w = ROSS__TOY__WORD__INIT;
    struct err err = {0};

    w.text = (char *) text;
    assert_ok(rpc_stream_send(s, &w, &err), &err);
}

static void
expect(struct rpc_stream *s, const char *text)
{
    struct arena arena = {0};
    struct err err = {0};
    void *msg;

    assert_int_equal(rpc_stream_recv(s, &arena, &msg, &err), 1);
    assert_string_equal(((Ross__Toy__Word *) msg)->text, text);
    arena_done(&arena);
}

static void
expect_end(struct rpc_stream *s, int code)
{
    struct arena arena = {0};
    struct err err = {0};
    void *msg;

    assert_int_equal(rpc_stream_recv(s, &arena, &msg, &err), -code);
    arena_done(&arena);
}

static void
opens_each_kind_of_stream_as_the_protocol_says(void **state)
{
    struct rpc_stream *s;
    struct err err = {0};
    struct peer p;

    (void) state;
    peer_init(&p);

    s = open_stream(&p, "Count"); /* one message and closed: server-side only */
    say(s, "request");
    assert_ok(rpc_stream_close_send(s, &err), &err);
    peer_expect(&p, 1, TTRPC_REQUEST, TTRPC_REMOTE_CLOSED, "request");
    peer_say(&p, 1, TTRPC_DATA, 0, WORD("\001a"));
    peer_say(&p, 1, TTRPC_DATA, TTRPC_REMOTE_CLOSED, WORD("\001b"));
    expect(s, "a");
    expect(s, "b");
    expect_end(s, 0);
    rpc_stream_free(s);

    s = open_stream(&p, "Sum"); /* messages, closed, then a response */
    say(s, "one");
    say(s, "two");
    assert_ok(rpc_stream_close_send(s, &err), &err);
    peer_expect(&p, 3, TTRPC_REQUEST, TTRPC_REMOTE_OPEN, "Sum");
    peer_expect(&p, 3, TTRPC_DATA, 0, "one");
    peer_expect(&p, 3, TTRPC_DATA, 0, "two");
    peer_expect(&p, 3, TTRPC_DATA, TTRPC_REMOTE_CLOSED | TTRPC_NO_DATA, NULL);
    peer_say(&p, 3, TTRPC_RESPONSE, 0, "\x12\x03\x0a\x01s", 5);
    expect(s, "s");
    expect_end(s, 0);
    rpc_stream_free(s);

    s = open_stream(&p, "Chat"); /* by turns, then an error */
    say(s, "ping");
    peer_say(&p, 5, TTRPC_DATA, 0, WORD("\004pong"));
    expect(s, "pong");
    peer_expect(&p, 5, TTRPC_REQUEST, TTRPC_REMOTE_OPEN, "Chat");
    peer_expect(&p, 5, TTRPC_DATA, 0, "ping");
    peer_say(&p, 5, TTRPC_RESPONSE, 0, "\x0a\x04\x08\x0a\x12\x00", 6);
    expect_end(s, CODE_ABORTED);
    expect_end(s, CODE_ABORTED);
    rpc_stream_free(s);

    s = open_stream(&p, "Chat"); /* given up in the middle: our side is closed */
    say(s, "x");
    peer_say(&p, 7, TTRPC_DATA, 0, WORD("\001y"));
    expect(s, "y");
    rpc_stream_free(s);
    peer_expect(&p, 7, TTRPC_REQUEST, TTRPC_REMOTE_OPEN, "Chat");
    peer_expect(&p, 7, TTRPC_DATA, 0, "x");
    peer_expect(&p, 7, TTRPC_DATA, TTRPC_REMOTE_CLOSED | TTRPC_NO_DATA, NULL);
    peer_done(&p);
}

static void
ignores_answers_to_nobody(void **state)
{
    struct rpc_stream *s;
    struct peer p;

    (void) state;
    peer_init(&p);
    s = open_stream(&p, "Chat");
    peer_say(&p, 99, TTRPC_DATA, 0, WORD("\001n"));
    peer_say(&p, 1, 77, 0, "?", 1);
    peer_say(&p, 1, TTRPC_DATA, 0, WORD("\001a"));
    expect(s, "a");
    peer_say(&p, 1, TTRPC_DATA, TTRPC_REMOTE_CLOSED | TTRPC_NO_DATA, "", 0);
    expect_end(s, 0);
    rpc_stream_free(s);
    peer_done(&p);
}

static void
fails_a_stream_whose_message_is_too_large(void **state)
{
    struct ttrpc_header h = {.length = TTRPC_FRAME_MAX + 1, .stream_id = 1, .type = TTRPC_DATA};
    unsigned char head[TTRPC_HEADER_SIZE];
    struct rpc_stream *s;
    struct peer p;

    (void) state;
    peer_init(&p);
    s = open_stream(&p, "Count");
    ttrpc_header_format(&h, head);
    assert_int_equal(fd_write_all(p.fd, head, sizeof head), 0);
    /* A socket's buffer is smaller than the payload: somebody must read meanwhile. */
    if (fork() == 0) {
        static char zeros[TTRPC_FRAME_MAX + 1];

        _exit(fd_write_all(p.fd, zeros, sizeof zeros) < 0);
    }
    expect_end(s, CODE_RESOURCE_EXHAUSTED);
    rpc_stream_free(s);
    peer_done(&p);
}

static void
says_unavailable_when_the_connection_ends(void **state)
{
    struct rpc_stream *s;
    struct peer p;
    Ross__Toy__Word w = ROSS__TOY__WORD__INIT;
    struct arena arena = {0};
    struct err err = {0};
    void *reply;

    (void) state;
    peer_init(&p);
    s = open_stream(&p, "Chat");
    say(s, "x");
    p.fd = fd_close(p.fd);
    expect_end(s, CODE_UNAVAILABLE);
    assert_code(
        rpc_invoke(p.ch, NULL, &ross__toy__toy__descriptor, "Echo", &w, &arena, &reply, &err),
        CODE_UNAVAILABLE, &err);
    assert_non_null(strstr(err.msg, p.path));
    rpc_stream_free(s);
    arena_done(&arena);
    peer_done(&p);
}

static void
gives_up_at_the_deadline(void **state)
{
    struct call_ctx ctx = {.deadline_ns = clock_mono_ns() + 30 * NS_PER_MS};
    Ross__Toy__Word w = ROSS__TOY__WORD__INIT;
    struct arena arena = {0};
    struct err err = {0};
    struct peer p;
    void *reply;

    (void) state;
    peer_init(&p);
    assert_code(
        rpc_invoke(p.ch, &ctx, &ross__toy__toy__descriptor, "Echo", &w, &arena, &reply, &err),
        CODE_DEADLINE_EXCEEDED, &err);
    assert_true(clock_mono_ns() >= ctx.deadline_ns);
    arena_done(&arena);
    peer_done(&p);
}

static void
refuses_to_send_too_much(void **state)
{
    Ross__Toy__Word w = ROSS__TOY__WORD__INIT;
    struct arena arena = {0};
    struct err err = {0};
    struct peer p;
    void *reply;

    (void) state;
    peer_init(&p);
    w.data.len = TTRPC_FRAME_MAX;
    w.data.data = xcalloc(1, w.data.len);
    assert_code(
        rpc_invoke(p.ch, NULL, &ross__toy__toy__descriptor, "Echo", &w, &arena, &reply, &err),
        CODE_RESOURCE_EXHAUSTED, &err);
    free(w.data.data);
    arena_done(&arena);
    peer_done(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_a_server),
        cmocka_unit_test(threads_share_a_connection),
        cmocka_unit_test(names_the_address_that_does_not_answer),
        cmocka_unit_test(opens_each_kind_of_stream_as_the_protocol_says),
        cmocka_unit_test(ignores_answers_to_nobody),
        cmocka_unit_test(fails_a_stream_whose_message_is_too_large),
        cmocka_unit_test(says_unavailable_when_the_connection_ends),
        cmocka_unit_test(gives_up_at_the_deadline),
        cmocka_unit_test(refuses_to_send_too_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
