/* SPDX-License-Identifier: Apache-2.0 */
#include "ttrpc_server.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/rpc/rpc_wire.h"
#include "github.com/containerd/ttrpc/request.pb-c.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/log.h"
#include "libross/base/test.h"
#include "testlib/test_server.h"
#include "ttrpc_frame.h"

#define IDLE_CONNS   200
#define IDLE_BYTES   1024 /* what an idle connection may cost */
#define PAST_CALLS   20000
#define BIG_ANSWER   (1024 * 1024)
#define MANY_ANSWERS 64

static int
setup(void **state)
{
    *state = test_server_new();
    return 0;
}

static int
teardown(void **state)
{
    test_server_free(*state);
    return 0;
}

static void
frame_write(int fd, uint32_t id, uint8_t type, uint8_t flags, const void *payload, size_t n)
{
    struct ttrpc_header h = {.length = (uint32_t) n, .stream_id = id, .type = type, .flags = flags};
    unsigned char head[TTRPC_HEADER_SIZE];

    ttrpc_header_format(&h, head);
    assert_int_equal(fd_write_all(fd, head, sizeof head), 0);
    assert_int_equal(fd_write_all(fd, payload, n), 0);
}

struct ask {
    const char *service, *method, *text;
    int64_t number, timeout_ns;
    size_t data_bytes;
    const char *payload; /* instead of a word */
    uint8_t flags;
};

static void
ask(int fd, uint32_t id, struct ask a)
{
    Ross__Toy__Word w = ROSS__TOY__WORD__INIT;
    Ttrpc__Request req = TTRPC__REQUEST__INIT;
    auto_free uint8_t *word = NULL, *bytes = NULL, *data = xcalloc(1, a.data_bytes + 1);
    size_t n;

    w.text = (char *) (a.text ? a.text : "");
    w.number = a.number;
    w.data = (ProtobufCBinaryData){.len = a.data_bytes, .data = data};
    word = xmalloc(ross__toy__word__get_packed_size(&w) + 1);
    req.service = (char *) (a.service ? a.service : "ross.toy.Toy");
    req.method = (char *) (a.method ? a.method : "Echo");
    req.timeout_nano = a.timeout_ns;
    req.payload.data = word;
    req.payload.len = ross__toy__word__pack(&w, word);
    if (a.payload)
        req.payload = (ProtobufCBinaryData){.len = strlen(a.payload),
                                            .data = (uint8_t *) (uintptr_t) a.payload};
    bytes = xmalloc(ttrpc__request__get_packed_size(&req));
    n = ttrpc__request__pack(&req, bytes);
    frame_write(fd, id, TTRPC_REQUEST, a.flags, bytes, n);
}

/* Reads one answer; returns its code, the id and the text of the word (or of the error). */
static int
answer(int fd, uint32_t *ret_id, char text[64])
{
    unsigned char head[TTRPC_HEADER_SIZE];
    auto_free unsigned char *bytes = NULL;
    struct arena arena = {0};
    struct ttrpc_header h;
    struct err err = {0};
    Ttrpc__Response *res;
    void *msg;
    int code;

    assert_int_equal(fd_read_full(fd, head, sizeof head), sizeof head);
    ttrpc_header_parse(head, &h);
    assert_int_equal(h.type, TTRPC_RESPONSE);
    assert_in_range(h.length, 0, TTRPC_FRAME_MAX);
    bytes = xmalloc(h.length + 1);
    assert_int_equal(fd_read_full(fd, bytes, h.length), h.length);
    assert_ok(rpc_unpack(&ttrpc__response__descriptor, &arena, bytes, h.length, &msg, &err), &err);
    res = msg;
    code = res->status ? res->status->code : 0;
    text[0] = '\0';
    if (code) {
        (void) strncat(text, res->status->message, 63);
    } else {
        assert_ok(rpc_unpack(&ross__toy__word__descriptor, &arena, res->payload.data,
                             res->payload.len, &msg, &err),
                  &err);
        (void) strncat(text, ((Ross__Toy__Word *) msg)->text, 63);
    }
    *ret_id = h.stream_id;
    arena_done(&arena);
    return code;
}

static void
expect(int fd, uint32_t id, int code, const char *text)
{
    uint32_t got_id;
    char got[64];

    assert_int_equal(answer(fd, &got_id, got), code);
    assert_int_equal(got_id, id);
    if (text)
        assert_string_equal(got, text);
}

static void
expect_eof(int fd)
{
    char c;

    assert_in_range(read(fd, &c, 1) + 1, 0, 1); /* 0, or reset */
}

static void
answers_what_the_protocol_says(void **state)
{
    struct test_server *s = *state;
    static char too_large[TTRPC_FRAME_MAX + 1];
    int fd = test_connect(s->path);

    ask(fd, 1, (struct ask){.text = "hello"});
    expect(fd, 1, 0, "hello");
    ask(fd, 2, (struct ask){.text = "even"});
    expect(fd, 2, CODE_INVALID_ARGUMENT, NULL);
    ask(fd, 1, (struct ask){.text = "again"});
    expect(fd, 1, CODE_INVALID_ARGUMENT, NULL);
    ask(fd, 7, (struct ask){.text = "gap"});
    expect(fd, 7, 0, "gap");
    ask(fd, 5, (struct ask){.text = "back"});
    expect(fd, 5, CODE_INVALID_ARGUMENT, NULL);

    frame_write(fd, 9, TTRPC_REQUEST, 0, "\xff\xff", 2);
    expect(fd, 9, CODE_INVALID_ARGUMENT, NULL);
    ask(fd, 11, (struct ask){.payload = "\x0a\x7f"});
    expect(fd, 11, CODE_INTERNAL, NULL);
    ask(fd, 13, (struct ask){.service = "ross.toy.Nobody"});
    expect(fd, 13, CODE_UNIMPLEMENTED, "unknown service ross.toy.Nobody");
    ask(fd, 15, (struct ask){.method = "Missing"});
    expect(fd, 15, CODE_UNIMPLEMENTED, NULL);
    ask(fd, 17, (struct ask){.method = "Chat", .flags = TTRPC_REMOTE_OPEN});
    expect(fd, 17, CODE_UNIMPLEMENTED, NULL);
    frame_write(fd, 17, TTRPC_DATA, 0, "x", 1);
    expect(fd, 17, CODE_INVALID_ARGUMENT, NULL);
    ask(fd, 19, (struct ask){.method = "Count", .flags = TTRPC_REMOTE_CLOSED});
    expect(fd, 19, CODE_UNIMPLEMENTED, NULL);

    frame_write(fd, 21, 77, 0, "unknown types are ignored", 25);
    frame_write(fd, 21, TTRPC_RESPONSE, 0, "so are answers", 14);
    frame_write(fd, 23, TTRPC_REQUEST, 0, too_large, sizeof too_large);
    expect(fd, 23, CODE_RESOURCE_EXHAUSTED, NULL);
    ask(fd, 25, (struct ask){.text = "fail", .number = CODE_ABORTED});
    expect(fd, 25, CODE_ABORTED, NULL);
    ask(fd, 27, (struct ask){.text = "in step"});
    expect(fd, 27, 0, "in step");
    (void) fd_close(fd);
}

static void
answers_others_while_calls_are_outstanding(void **state)
{
    struct test_server *s = *state;
    int fd = test_connect(s->path);
    uint32_t id, seen = 0;
    char text[64];

    for (uint32_t i = 0; i < 20; i++)
        ask(fd, 2 * i + 1, (struct ask){.method = "Later"});
    ask(fd, 41, (struct ask){.text = "meanwhile"});
    expect(fd, 41, 0, "meanwhile");
    toy_wait(&s->toy, &s->toy.n_kept, 20);
    toy_finish_all(&s->toy, 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(answer(fd, &id, text), 0);
        assert_string_equal(text, "later");
        assert_false(seen & 1u << (id / 2));
        seen |= 1u << (id / 2);
    }
    assert_int_equal(seen, (1u << 20) - 1);
    (void) fd_close(fd);
}

static void
tells_handlers_that_their_peer_is_gone(void **state)
{
    struct test_server *s = *state;
    int fd = test_connect(s->path), other = test_connect(s->path);

    ask(other, 1, (struct ask){.method = "Later"});
    toy_wait(&s->toy, &s->toy.n_kept, 1);
    for (uint32_t i = 0; i < 5; i++)
        ask(fd, 2 * i + 1, (struct ask){.method = "Later"});
    toy_wait(&s->toy, &s->toy.n_kept, 6);
    (void) fd_close(fd);
    toy_wait(&s->toy, &s->toy.n_cancelled, 5);
    assert_int_equal(s->toy.n_kept, 1);
    toy_finish_all(&s->toy, 0);
    expect(other, 1, 0, "later");
    (void) fd_close(other);
}

static void
answers_a_peer_that_only_listens_any_more(void **state)
{
    struct test_server *s = *state;
    int fd = test_connect(s->path);

    ask(fd, 1, (struct ask){.text = "now", .data_bytes = BIG_ANSWER});
    ask(fd, 3, (struct ask){.method = "Later"});
    (void) shutdown(fd, SHUT_WR);
    expect(fd, 1, 0, "now");
    toy_wait(&s->toy, &s->toy.n_kept, 1);
    toy_finish_all(&s->toy, -CODE_NOT_FOUND);
    expect(fd, 3, CODE_NOT_FOUND, NULL);
    expect_eof(fd);
    (void) fd_close(fd);

    fd = test_connect(s->path); /* leaves while half-closed and owed an answer */
    ask(fd, 1, (struct ask){.method = "Later"});
    (void) shutdown(fd, SHUT_WR);
    toy_wait(&s->toy, &s->toy.n_kept, 1);
    (void) fd_close(fd);
    toy_wait(&s->toy, &s->toy.n_cancelled, 1);

    fd = test_connect(s->path);
    (void) shutdown(fd, SHUT_WR);
    expect_eof(fd);
    (void) fd_close(fd);
}

static void *
ask_for_much(void *arg)
{
    for (uint32_t id = 1; id < 2 * MANY_ANSWERS; id += 2)
        ask(*(int *) arg, id, (struct ask){.text = "slow", .data_bytes = BIG_ANSWER});
    return NULL;
}

static void
keeps_serving_while_one_does_not_read(void **state)
{
    struct test_server *s = *state;
    int slow = test_connect(s->path), fd = test_connect(s->path);
    pthread_t asker;
    char text[64];
    uint32_t got;

    /* The asking blocks once the server stops reading, so another thread asks. */
    assert_int_equal(pthread_create(&asker, NULL, ask_for_much, &slow), 0);
    for (uint32_t i = 1; i < 2 * MANY_ANSWERS; i += 2) {
        ask(fd, i, (struct ask){.text = "quick"});
        expect(fd, i, 0, "quick");
    }
    for (int i = 0; i < MANY_ANSWERS; i++) {
        assert_int_equal(answer(slow, &got, text), 0);
        assert_int_equal(got, 2 * (uint32_t) i + 1);
    }
    assert_int_equal(pthread_join(asker, NULL), 0);
    (void) fd_close(slow);
    (void) fd_close(fd);
}

static void
flushed_job(void *arg)
{
    struct {
        struct ttrpc_server *server;
        bool flushed;
    } *job = arg;

    job->flushed = ttrpc_server_flushed(job->server);
}

static bool
flushed(struct test_server *s)
{
    struct {
        struct ttrpc_server *server;
        bool flushed;
    } job = {.server = s->server};

    test_server_run(s, flushed_job, &job);
    return job.flushed;
}

struct finish_big {
    struct toy *toy;
    uint8_t *bytes;
};

/* Ends every kept call with a big answer. */
static void
finish_big(void *arg)
{
    struct finish_big *job = arg;
    Ross__Toy__Word *reply;
    struct rpc_call *call;

    while (job->toy->n_kept) {
        call = job->toy->kept[--job->toy->n_kept];
        reply = rpc_call_reply(call);
        reply->data = (ProtobufCBinaryData){.len = BIG_ANSWER, .data = job->bytes};
        rpc_finish(call, 0, reply, NULL);
    }
}

static void
closes_a_peer_that_lets_answers_pile_up(void **state)
{
    struct test_server *s = *state;
    struct finish_big job = {.toy = &s->toy, .bytes = xcalloc(1, BIG_ANSWER)};
    int fd = test_connect(s->path);
    uint32_t id;
    char text[64];

    assert_true(flushed(s));
    ask(fd, 1, (struct ask){.method = "Later"});
    ask(fd, 3, (struct ask){.method = "Later"});
    toy_wait(&s->toy, &s->toy.n_kept, 2);
    test_server_run(s, finish_big, &job);
    assert_false(flushed(s));
    assert_int_equal(answer(fd, &id, text), 0);
    assert_int_equal(answer(fd, &id, text), 0);
    assert_true(flushed(s));

    for (uint32_t i = 2; i < 20; i++)
        ask(fd, 2 * i + 1, (struct ask){.method = "Later"});
    toy_wait(&s->toy, &s->toy.n_kept, 18);
    test_server_run(s, finish_big, &job);
    assert_true(flushed(s));
    while (read(fd, text, sizeof text) > 0)
        ;
    expect_eof(fd);
    (void) fd_close(fd);
    fd = test_connect(s->path);
    ask(fd, 1, (struct ask){.text = "still here"});
    expect(fd, 1, 0, "still here");
    (void) fd_close(fd);
    free(job.bytes);
}

static void
ends_calls_at_their_deadline(void **state)
{
    struct test_server *s = *state;
    int fd = test_connect(s->path);
    int64_t before = clock_mono_ns();

    ask(fd, 1, (struct ask){.method = "Later", .timeout_ns = 40 * NS_PER_MS});
    expect(fd, 1, CODE_DEADLINE_EXCEEDED, NULL);
    assert_true(clock_mono_ns() - before >= 40 * NS_PER_MS);
    toy_wait(&s->toy, &s->toy.n_cancelled, 1);
    ask(fd, 3, (struct ask){.method = "Later", .timeout_ns = 60 * NS_PER_S});
    ask(fd, 5, (struct ask){.method = "Later", .timeout_ns = INT64_MAX});
    toy_wait(&s->toy, &s->toy.n_kept, 2);
    toy_finish_all(&s->toy, 0);
    expect(fd, 5, 0, "later");
    expect(fd, 3, 0, "later");
    (void) fd_close(fd);
}

static void
refuses_foreign_users(void **state)
{
    struct test_server *s = *state;
    struct pollfd p;
    int status;
    pid_t pid;

    if (geteuid() != 0)
        skip(); /* only root can become somebody else */
    assert_int_equal(chmod(s->dir, 0711) | chmod(s->path, 0666), 0);
    pid = fork();
    if (pid == 0) {
        if (setgid(65534) < 0 || setuid(65534) < 0)
            _exit(2);
        p = (struct pollfd){.fd = test_connect(s->path), .events = POLLIN};
        _exit(poll(&p, 1, 20000) == 1 && p.revents & POLLHUP ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static size_t
heap_used(void)
{
    return mallinfo2().uordblks;
}

static void
measure(void *arg)
{
    *(size_t *) arg = heap_used();
}

static void
connections_and_past_calls_cost_little(void **state)
{
    struct test_server *s = *state;
    size_t before, with, after;
    int fds[IDLE_CONNS];

    test_server_run(s, measure, &before);
    for (int i = 0; i < IDLE_CONNS; i++) {
        fds[i] = test_connect(s->path);
        ask(fds[i], 1, (struct ask){.text = "hello", .data_bytes = 100000});
        expect(fds[i], 1, 0, "hello");
    }
    test_server_run(s, measure, &with);
    for (uint32_t i = 1; i <= PAST_CALLS; i++) {
        ask(fds[0], 2 * i + 1, (struct ask){.text = i % 2 ? "fail" : "x", .number = 5});
        expect(fds[0], 2 * i + 1, i % 2 ? CODE_NOT_FOUND : 0, NULL);
    }
    test_server_run(s, measure, &after);
    for (int i = 0; i < IDLE_CONNS; i++)
        (void) fd_close(fds[i]);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    print_message("%zu bytes for each idle connection\n", (with - before) / IDLE_CONNS);
    assert_in_range(with - before, 1, IDLE_CONNS * IDLE_BYTES);
    assert_in_range(after, 0, with + 4096);
#endif
}

static void
closes_the_oldest_idle_connection_when_full(void **state)
{
    struct test_server *s = *state;
    int fds[TTRPC_CONNS_MAX + 2];
    struct pollfd p;

    for (int i = 0; i < TTRPC_CONNS_MAX; i++)
        fds[i] = test_connect(s->path);
    ask(fds[0], 1, (struct ask){.method = "Later"}); /* the oldest is not idle */
    toy_wait(&s->toy, &s->toy.n_kept, 1);
    ask(fds[1], 1, (struct ask){.text = "recent"}); /* and the second was active lately */
    expect(fds[1], 1, 0, "recent");
    fds[TTRPC_CONNS_MAX] = test_connect(s->path);
    ask(fds[TTRPC_CONNS_MAX], 1, (struct ask){.text = "new"});
    expect(fds[TTRPC_CONNS_MAX], 1, 0, "new");
    expect_eof(fds[2]);
    for (int i = 0; i <= TTRPC_CONNS_MAX; i++) {
        p = (struct pollfd){.fd = fds[i], .events = POLLRDHUP};
        assert_int_equal(poll(&p, 1, 0), i == 2 ? 1 : 0);
    }
    toy_finish_all(&s->toy, 0);
    expect(fds[0], 1, 0, "later");
    for (int i = 0; i <= TTRPC_CONNS_MAX; i++)
        (void) fd_close(fds[i]);
}

static void
cancels_what_runs_when_it_is_freed(void **state)
{
    struct test_server *s = test_server_new();
    int fd = test_connect(s->path);

    (void) state;
    ask(fd, 1, (struct ask){.method = "Later"});
    ask(fd, 3, (struct ask){.method = "Later"});
    toy_wait(&s->toy, &s->toy.n_kept, 2);
    test_server_free(s); /* frees the server, then looks for leaks under the sanitizer */
    expect_eof(fd);
    (void) fd_close(fd);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_what_the_protocol_says, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_others_while_calls_are_outstanding, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(tells_handlers_that_their_peer_is_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_a_peer_that_only_listens_any_more, setup, teardown),
        cmocka_unit_test_setup_teardown(keeps_serving_while_one_does_not_read, setup, teardown),
        cmocka_unit_test_setup_teardown(closes_a_peer_that_lets_answers_pile_up, setup, teardown),
        cmocka_unit_test_setup_teardown(ends_calls_at_their_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_foreign_users, setup, teardown),
        cmocka_unit_test_setup_teardown(connections_and_past_calls_cost_little, setup, teardown),
        cmocka_unit_test_setup_teardown(closes_the_oldest_idle_connection_when_full, setup,
                                        teardown),
        cmocka_unit_test(cancels_what_runs_when_it_is_freed),
    };

    (void) mallopt(M_ARENA_MAX, 1); /* mallinfo2() sees only the main arena */
    log_set_level(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
