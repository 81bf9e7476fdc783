/* SPDX-License-Identifier: Apache-2.0 */
/* What every transport must do, tested through its channel to a toy service. */
#include "toy_cases.h"

#include <string.h>

#include "libross/base/clock.h"
#include "libross/base/test.h"

#define SVC        (&ross__toy__toy__descriptor)
#define BIG_BYTES  (3 * 1024 * 1024)
#define MANY_WORDS 500

static Ross__Toy__Word
word(const char *text, int64_t number)
{
    Ross__Toy__Word w = ROSS__TOY__WORD__INIT;

    w.text = (char *) text;
    w.number = number;
    return w;
}

static int
echo(struct rpc_channel *ch, const struct call_ctx *ctx, const Ross__Toy__Word *w,
     struct arena *arena, Ross__Toy__Word **ret, struct err *err)
{
    void *reply = NULL;
    int r = rpc_invoke(ch, ctx, SVC, "Echo", w, arena, &reply, err);

    *ret = reply;
    return r;
}

Ross__Toy__Word *
toy_echo_call(struct rpc_channel *ch, const struct call_ctx *ctx, const char *text,
              struct arena *arena)
{
    Ross__Toy__Word w = word(text, 0), *reply;
    struct err err = {0};

    assert_ok(echo(ch, ctx, &w, arena, &reply, &err), &err);
    return reply;
}

void
toy_case_unary(struct rpc_channel *ch)
{
    struct call_ctx ctx = {.ns = "k8s.io", .lease = "l-1"};
    Ross__Toy__Word w = word("hello", 7), *out;
    struct arena arena = {0};
    struct err err = {0};
    char *big = xmalloc(BIG_BYTES);

    memset(big, 'b', BIG_BYTES);
    w.data = (ProtobufCBinaryData){.len = BIG_BYTES, .data = (uint8_t *) big};
    assert_ok(echo(ch, NULL, &w, &arena, &out, &err), &err);
    assert_string_equal(out->text, "hello");
    assert_int_equal(out->number, 7);
    assert_int_equal(out->data.len, BIG_BYTES);
    assert_memory_equal(out->data.data, big, BIG_BYTES);

    assert_string_equal(toy_echo_call(ch, NULL, "", &arena)->text, "");
    assert_string_equal(toy_echo_call(ch, NULL, "ctx", &arena)->text, "- -");
    out = toy_echo_call(ch, &ctx, "ctx", &arena);
    assert_memory_equal(out->text, "k8s.io ", 7); /* ttrpc has no lease */
    assert_int_equal(toy_echo_call(ch, NULL, "deadline", &arena)->number, -1);
    ctx.deadline_ns = clock_mono_ns() + 60 * NS_PER_S;
    out = toy_echo_call(ch, &ctx, "deadline", &arena);
    assert_in_range(out->number, 30000, 62000); /* gRPC rounds timeouts up */
    free(big);
    arena_done(&arena);
}

void
toy_case_errors(struct rpc_channel *ch)
{
    struct call_ctx past = {.deadline_ns = clock_mono_ns() - 1};
    Ross__Toy__Word w, *out;
    struct arena arena = {0};
    struct err err = {0};
    void *reply;

    for (int code = 1; code <= CODE_MAX; code++) {
        w = word("fail", code);
        assert_code(echo(ch, NULL, &w, &arena, &out, &err), code, &err);
        assert_string_equal(err.msg, "failed as asked: 100% \"wörtlich\"\n");
        assert_int_equal(err.code, code);
    }
    assert_code(echo(ch, NULL, &w, &arena, &out, NULL), CODE_MAX, &err);
    assert_code(rpc_invoke(ch, NULL, SVC, "Missing", &w, &arena, &reply, &err), CODE_UNIMPLEMENTED,
                &err);
    w = word("spin", 0);
    w.text = (char *) "\xff";
    assert_code(echo(ch, NULL, &w, &arena, &out, &err), CODE_INVALID_ARGUMENT, &err);
    w = word("late", 0);
    assert_code(rpc_invoke(ch, &past, SVC, "Later", &w, &arena, &reply, &err),
                CODE_DEADLINE_EXCEEDED, &err);
    arena_done(&arena);
}

static struct rpc_stream *
stream_open(struct rpc_channel *ch, const char *method)
{
    struct rpc_stream *s = NULL;
    struct err err = {0};

    assert_ok(rpc_stream_open(ch, NULL, SVC, method, &s, &err), &err);
    return s;
}

static void
stream_send(struct rpc_stream *s, const char *text, int64_t number)
{
    Ross__Toy__Word w = word(text, number);
    struct err err = {0};

    assert_ok(rpc_stream_send(s, &w, &err), &err);
}

static void
stream_close_send(struct rpc_stream *s)
{
    struct err err = {0};

    assert_ok(rpc_stream_close_send(s, &err), &err);
}

static void
stream_expect(struct rpc_stream *s, const char *text, int64_t number)
{
    struct arena arena = {0};
    struct err err = {0};
    void *msg;
    int r = rpc_stream_recv(s, &arena, &msg, &err);

    if (r != 1)
        fail_msg("wanted %s %ld, got %d %s", text, (long) number, r, err.msg);
    assert_string_equal(((Ross__Toy__Word *) msg)->text, text);
    assert_int_equal(((Ross__Toy__Word *) msg)->number, number);
    arena_done(&arena);
}

static void
stream_expect_end(struct rpc_stream *s, int code)
{
    struct arena arena = {0};
    struct err err = {0};
    void *msg;

    if (code)
        assert_code(rpc_stream_recv(s, &arena, &msg, &err), code, &err);
    else
        assert_int_equal(rpc_stream_recv(s, &arena, &msg, &err), 0);
    arena_done(&arena);
}

void
toy_case_server_stream(struct rpc_channel *ch)
{
    static const struct {
        const char *text;
        int64_t n;
        int code;
    } rows[] = {{"", 0, 0}, {"", 1, 0}, {"", MANY_WORDS, 0}, {"fail", 3, CODE_DATA_LOSS}};
    struct rpc_stream *s;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        s = stream_open(ch, "Count");
        stream_send(s, rows[i].text, rows[i].n);
        stream_close_send(s);
        for (int64_t k = 0; k < rows[i].n; k++)
            stream_expect(s, "", k);
        stream_expect_end(s, rows[i].code);
        stream_expect_end(s, rows[i].code);
        rpc_stream_free(s);
    }
}

/* Bytes of every size come whole, beside the other fields. */
void
toy_case_large_data(struct rpc_channel *ch)
{
    static const size_t sizes[] = {1, 127, 128, 4095, 4096, 100000, 1000000};
    static unsigned char bytes[1000000];
    Ross__Toy__Word w = word("lent", 3);
    struct arena arena = {0};
    struct err err = {0};
    void *msg;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char) (i * 7 ^ i >> 8);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct rpc_stream *s = stream_open(ch, "Count");

        w.data = (ProtobufCBinaryData){.len = sizes[i], .data = bytes};
        assert_ok(rpc_stream_send(s, &w, &err), &err);
        stream_close_send(s);
        for (int64_t k = 0; k < w.number; k++) {
            const Ross__Toy__Word *got;

            assert_int_equal(rpc_stream_recv(s, &arena, &msg, &err), 1);
            got = msg;
            assert_string_equal(got->text, "lent");
            assert_int_equal(got->number, k);
            assert_true(got->data.len > 0 && got->data.len <= sizes[i]);
            assert_true(got->data.len == sizes[i] || got->data.len >= 32 * 1024);
            assert_memory_equal(got->data.data, bytes, got->data.len);
        }
        stream_expect_end(s, 0);
        rpc_stream_free(s);
    }
    arena_done(&arena);
}

void
toy_case_client_stream(struct rpc_channel *ch)
{
    struct rpc_stream *s = stream_open(ch, "Sum");

    for (int64_t i = 1; i <= MANY_WORDS; i++)
        stream_send(s, "", i);
    stream_close_send(s);
    stream_expect(s, "", MANY_WORDS * (MANY_WORDS + 1) / 2);
    stream_expect_end(s, 0);
    rpc_stream_free(s);

    s = stream_open(ch, "Sum");
    stream_close_send(s);
    stream_expect(s, "", 0);
    stream_expect_end(s, 0);
    rpc_stream_free(s);
}

void
toy_case_bidi(struct rpc_channel *ch)
{
    struct rpc_stream *s = stream_open(ch, "Chat");

    for (int64_t i = 0; i < MANY_WORDS; i++) {
        stream_send(s, "ping", i);
        stream_expect(s, "ping", i);
    }
    stream_close_send(s);
    stream_expect_end(s, 0);
    rpc_stream_free(s);

    s = stream_open(ch, "Chat");
    stream_send(s, "one", 1);
    stream_send(s, "bye", 2);
    stream_expect(s, "one", 1);
    stream_expect_end(s, CODE_ABORTED);
    rpc_stream_free(s);
}

void
toy_case_stream_cancel(struct rpc_channel *ch, struct toy *t)
{
    struct rpc_stream *s;
    int before = toy_get(t, &t->n_ended);

    s = stream_open(ch, "Chat");
    stream_send(s, "ping", 1);
    stream_expect(s, "ping", 1);
    rpc_stream_free(s); /* while the handler waits in rpc_recv */
    toy_wait(t, &t->n_ended, before + 1);
    assert_int_equal(toy_get(t, &t->last_r), -CODE_CANCELED);

    s = stream_open(ch, "Count");
    stream_send(s, "", -1);
    stream_close_send(s);
    stream_expect(s, "", 0);
    rpc_stream_free(s); /* while it sends for ever */
    toy_wait(t, &t->n_ended, before + 2);
    assert_int_equal(toy_get(t, &t->last_r), -CODE_CANCELED);

    s = stream_open(ch, "Sum");
    stream_send(s, "", 1);
    toy_wait(t, &t->n_running, 1);
    rpc_stream_free(s);
    toy_wait(t, &t->n_ended, before + 3);
    assert_int_equal(toy_get(t, &t->last_r), -CODE_CANCELED);
}

struct later_caller {
    struct rpc_channel *ch;
    int64_t deadline_ns;
    const atomic_bool *cancelled;
    char text[32];
    int r;
};

static void *
later_thread(void *arg)
{
    struct later_caller *l = arg;
    struct call_ctx ctx = {.deadline_ns = l->deadline_ns, .cancelled = l->cancelled};
    Ross__Toy__Word w = word("x", 0);
    struct arena arena = {0};
    void *reply = NULL;

    l->r = rpc_invoke(l->ch, &ctx, SVC, "Later", &w, &arena, &reply, NULL);
    if (l->r == 0)
        (void) strncpy(l->text, ((Ross__Toy__Word *) reply)->text, sizeof l->text - 1);
    arena_done(&arena);
    return NULL;
}

void
toy_case_later(struct rpc_channel *ch, struct toy *t)
{
    struct later_caller l[3] = {{.ch = ch}, {.ch = ch}, {.ch = ch}};
    atomic_bool cancel = false;
    pthread_t threads[3];

    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, later_thread, &l[i]), 0);
    toy_wait(t, &t->n_kept, 3);
    toy_finish_all(t, 0);
    for (int i = 0; i < 3; i++) {
        (void) pthread_join(threads[i], NULL);
        assert_int_equal(l[i].r, 0);
        assert_string_equal(l[i].text, "later");
    }

    assert_int_equal(pthread_create(&threads[0], NULL, later_thread, &l[0]), 0);
    toy_wait(t, &t->n_kept, 1);
    toy_finish_all(t, -CODE_NOT_FOUND);
    (void) pthread_join(threads[0], NULL);
    assert_int_equal(l[0].r, -CODE_NOT_FOUND);

    l[0].deadline_ns = clock_mono_ns() + 50 * NS_PER_MS;
    l[1].cancelled = &cancel;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, later_thread, &l[i]), 0);
    (void) pthread_join(threads[0], NULL);
    assert_int_equal(l[0].r, -CODE_DEADLINE_EXCEEDED);
    atomic_store(&cancel, true);
    (void) pthread_join(threads[1], NULL);
    assert_int_equal(l[1].r, -CODE_CANCELED);
}
