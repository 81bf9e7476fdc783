/* SPDX-License-Identifier: Apache-2.0 */
/* A service with one method of each kind, for the tests of the transports. */
#include "toy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "libross/base/clock.h"

#define WAIT_SECONDS 60

static void
counter_add(struct toy *t, int *counter, int n)
{
    (void) pthread_mutex_lock(&t->lock);
    *counter += n;
    (void) pthread_cond_broadcast(&t->changed);
    (void) pthread_mutex_unlock(&t->lock);
}

static int
ended(struct toy *t, int r)
{
    (void) pthread_mutex_lock(&t->lock);
    t->last_r = r;
    t->n_ended++;
    t->n_running--;
    (void) pthread_cond_broadcast(&t->changed);
    (void) pthread_mutex_unlock(&t->lock);
    return r;
}

static int
spin(struct rpc_call *call, struct toy *t, struct err *err)
{
    const struct call_ctx *ctx = rpc_call_ctx(call);
    int64_t until = clock_mono_ns() + WAIT_SECONDS * NS_PER_S;

    counter_add(t, &t->n_running, 1);
    while (!call_ctx_cancelled(ctx) && clock_mono_ns() < until)
        (void) clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = NS_PER_MS}, NULL);
    if (!call_ctx_cancelled(ctx))
        return ended(t, err_set(err, CODE_INTERNAL, "nobody cancelled"));
    return ended(t, err_set(err, CODE_CANCELED, "cancelled"));
}

static int
toy_echo(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const struct call_ctx *ctx = rpc_call_ctx(call);
    const Ross__Toy__Word *in = request;
    Ross__Toy__Word *out = reply;

    if (!strcmp(in->text, "fail"))
        return err_set(err,
                       in->number > 0 && in->number <= CODE_MAX ? (int) in->number : CODE_UNKNOWN,
                       "failed as asked: 100%% \"wörtlich\"\n");
    if (!strcmp(in->text, "spin"))
        return spin(call, impl, err);
    out->text = in->text;
    out->data = in->data;
    out->number = in->number;
    out->n_words = in->n_words;
    out->words = in->words;
    out->n_labels = in->n_labels;
    out->labels = in->labels;
    if (!strcmp(in->text, "ctx"))
        out->text = arena_printf(rpc_call_arena(call), "%s %s", ctx->ns ? ctx->ns : "-",
                                 ctx->lease ? ctx->lease : "-");
    if (!strcmp(in->text, "deadline"))
        out->number = ctx->deadline_ns ? (ctx->deadline_ns - clock_mono_ns()) / NS_PER_MS : -1;
    return 0;
}

struct kept {
    struct toy *toy;
    struct rpc_call *call;
};

static void
kept_cancelled(void *arg)
{
    struct kept *k = arg;
    struct toy *t = k->toy;
    struct rpc_call *call = NULL;

    (void) pthread_mutex_lock(&t->lock);
    for (int i = 0; i < t->n_kept; i++)
        if (t->kept[i] == k->call) {
            call = t->kept[i];
            t->kept[i] = t->kept[--t->n_kept];
        }
    t->n_cancelled++;
    (void) pthread_cond_broadcast(&t->changed);
    (void) pthread_mutex_unlock(&t->lock);
    if (call)
        rpc_finish(call, err_set(NULL, CODE_CANCELED, "gone"), NULL, NULL);
}

static int
toy_later(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    struct kept *k = arena_alloc(rpc_call_arena(call), sizeof *k);
    struct toy *t = impl;
    bool kept;

    (void) request;
    (void) reply;
    *k = (struct kept){.toy = t, .call = call};
    rpc_call_on_cancel(call, kept_cancelled, k);
    (void) pthread_mutex_lock(&t->lock);
    kept = t->n_kept < TOY_KEPT_MAX;
    if (kept)
        t->kept[t->n_kept++] = call;
    (void) pthread_cond_broadcast(&t->changed);
    (void) pthread_mutex_unlock(&t->lock);
    return kept ? RPC_LATER : err_set(err, CODE_RESOURCE_EXHAUSTED, "too many calls are kept");
}

/* The message's data, as much of it as there is room for, where it need not be copied. */
static void
lend(struct rpc_call *call, const ProtobufCBinaryData *data, Ross__Toy__Word *word)
{
    void *p = rpc_send_buffer(call, data->len, &word->data.len);

    memcpy(p, data->data, word->data.len);
    word->data.data = p;
    word->text = (char *) "lent";
}

static int
toy_count(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const Ross__Toy__Word *in = request;
    Ross__Toy__Word word = ROSS__TOY__WORD__INIT;
    struct toy *t = impl;
    int r = 0;

    (void) reply;
    counter_add(t, &t->n_running, 1);
    word.data = in->data;
    for (int64_t i = 0; !r && (in->number < 0 || i < in->number); i++) {
        word.number = i;
        if (!strcmp(in->text, "lent"))
            lend(call, &in->data, &word);
        r = rpc_send(call, &word, err);
        counter_add(t, &t->n_sent, 1);
    }
    if (!r && !strcmp(in->text, "fail"))
        r = err_set(err, CODE_DATA_LOSS, "failed at the end");
    return ended(t, r);
}

static int
toy_sum(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    Ross__Toy__Word *out = reply;
    struct toy *t = impl;
    const void *msg;
    int r;

    (void) request;
    counter_add(t, &t->n_running, 1);
    while ((r = rpc_recv(call, &msg, err)) > 0)
        out->number += ((const Ross__Toy__Word *) msg)->number;
    return ended(t, r);
}

static int
toy_chat(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const Ross__Toy__Word *in;
    struct toy *t = impl;
    const void *msg;
    int r;

    (void) request;
    (void) reply;
    counter_add(t, &t->n_running, 1);
    while ((r = rpc_recv(call, &msg, err)) > 0) {
        in = msg;
        if (!strcmp(in->text, "bye"))
            return ended(t, err_set(err, CODE_ABORTED, "bye"));
        if (!strcmp(in->text, "mute"))
            continue;
        r = rpc_send(call, in, err);
        if (r < 0)
            break;
    }
    return ended(t, r);
}

void
toy_init(struct toy *t)
{
    pthread_condattr_t attr;

    *t = (struct toy){.n_kept = 0};
    (void) pthread_mutex_init(&t->lock, NULL);
    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&t->changed, &attr);
    (void) pthread_condattr_destroy(&attr);
}

void
toy_done(struct toy *t)
{
    (void) pthread_cond_destroy(&t->changed);
    (void) pthread_mutex_destroy(&t->lock);
}

struct rpc_service
toy_service(struct toy *t)
{
    static const struct rpc_method rows[] = {
        {"Echo", RPC_UNARY, toy_echo},
        {"Later", RPC_UNARY, toy_later},
        {"Count", RPC_SERVER_STREAM, toy_count},
        {"Sum", RPC_CLIENT_STREAM, toy_sum},
        {"Chat", RPC_BIDI, toy_chat},
    };

    return (struct rpc_service){.desc = &ross__toy__toy__descriptor,
                                .methods = rows,
                                .n_methods = ARRAY_LEN(rows),
                                .impl = t};
}

struct finish {
    struct toy *toy;
    int r;
};

static void
finish_all(void *arg)
{
    struct finish *f = arg;
    struct toy *t = f->toy;
    struct err err = {0};
    struct rpc_call *call;
    Ross__Toy__Word *reply;

    for (;;) {
        (void) pthread_mutex_lock(&t->lock);
        call = t->n_kept ? t->kept[--t->n_kept] : NULL;
        (void) pthread_mutex_unlock(&t->lock);
        if (!call)
            return;
        reply = rpc_call_reply(call);
        reply->text = arena_strdup(rpc_call_arena(call), "later");
        if (f->r < 0)
            (void) err_set(&err, -f->r, "later, and wrong");
        rpc_finish(call, f->r, reply, &err);
    }
}

void
toy_finish_all(struct toy *t, int r)
{
    struct finish f = {.toy = t, .r = r};

    if (t->run)
        t->run(t->run_arg, finish_all, &f);
    else
        finish_all(&f);
}

int
toy_get(struct toy *t, const int *counter)
{
    int n;

    (void) pthread_mutex_lock(&t->lock);
    n = *counter;
    (void) pthread_mutex_unlock(&t->lock);
    return n;
}

void
toy_wait(struct toy *t, const int *counter, int n)
{
    struct timespec until;

    (void) clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += WAIT_SECONDS;
    (void) pthread_mutex_lock(&t->lock);
    while (*counter < n)
        if (pthread_cond_timedwait(&t->changed, &t->lock, &until) == ETIMEDOUT) {
            fprintf(stderr, "toy_wait: %d of %d\n", *counter, n);
            abort();
        }
    (void) pthread_mutex_unlock(&t->lock);
}
