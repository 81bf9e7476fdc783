/* SPDX-License-Identifier: Apache-2.0 */
/* The server, over real sockets. */
#include "grpc_server.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/rpc/toy/toy_cases.h"
#include "grpc/health/v1/health.pb-c.h"
#include "grpc_channel.h"
#include "grpc_core.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/log.h"
#include "libross/base/test.h"

#define STREAMS     96
#define SVC         (&ross__toy__toy__descriptor)
#define HEALTH      (&grpc__health__v1__health__descriptor)
#define PATIENCE_MS 20000
#define WINDOW_BYTES                                                                               \
    (32 * 1024 * 1024) /* more than gRPC ever keeps for a peer that does not read */

struct fixture {
    char *dir, *path;
    struct toy toy;
    struct grpc_service_host *host;
    struct rpc_channel *ch;
};

static void
serve(struct fixture *f, struct grpc_server_options opt)
{
    struct rpc_service svc = toy_service(&f->toy);
    struct err err = {0};

    opt.address = f->path;
    if (!opt.listen_fd)
        opt.listen_fd = -1;
    assert_ok(grpc_server_serve(&opt, &svc, 1, &f->host, &err), &err);
}

static int
setup_stopped(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    struct err err = {0};

    f->dir = test_tmpdir();
    f->path = xasprintf("%s/s.sock", f->dir);
    toy_init(&f->toy);
    assert_ok(grpc_channel_open(f->path, &f->ch, &err), &err);
    *state = f;
    return 0;
}

static int
setup(void **state)
{
    (void) setup_stopped(state);
    serve(*state, (struct grpc_server_options){0});
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    rpc_channel_free(f->ch);
    grpc_server_stop(f->host, 0);
    toy_done(&f->toy);
    test_tmpdir_remove(f->dir);
    free(f->path);
    free(f);
    return 0;
}

/* A thread may still be leaving a call whose answer has been read. */
static void
expect_busy(const struct fixture *f, unsigned n)
{
    while (grpc_server_busy(f->host, NULL) > n)
        (void) sched_yield();
    assert_int_equal(grpc_server_busy(f->host, NULL), n);
}

static int
echo(struct rpc_channel *ch, const struct call_ctx *ctx, const char *text, struct err *err)
{
    Ross__Toy__Word w = ROSS__TOY__WORD__INIT;
    struct arena arena = {0};
    void *reply;
    int r;

    w.text = (char *) text;
    r = rpc_invoke(ch, ctx, SVC, "Echo", &w, &arena, &reply, err);
    arena_done(&arena);
    return r;
}

static struct rpc_stream *
chat_open(struct rpc_channel *ch)
{
    struct rpc_stream *s;
    struct err err = {0};

    assert_ok(rpc_stream_open(ch, NULL, SVC, "Chat", &s, &err), &err);
    return s;
}

static void
chat_ping(struct rpc_stream *s)
{
    Ross__Toy__Word w = ROSS__TOY__WORD__INIT;
    struct arena arena = {0};
    struct err err = {0};
    void *msg;

    w.text = (char *) "ping";
    assert_ok(rpc_stream_send(s, &w, &err), &err);
    assert_int_equal(rpc_stream_recv(s, &arena, &msg, &err), 1);
    arena_done(&arena);
}

static void
chat_end(struct rpc_stream *s)
{
    struct arena arena = {0};
    struct err err = {0};
    void *msg;

    assert_ok(rpc_stream_close_send(s, &err), &err);
    assert_int_equal(rpc_stream_recv(s, &arena, &msg, &err), 0);
    rpc_stream_free(s);
    arena_done(&arena);
}

static void
serves_every_kind(void **state)
{
    struct fixture *f = *state;

    toy_case_unary(f->ch);
    toy_case_errors(f->ch);
    toy_case_server_stream(f->ch);
    toy_case_large_data(f->ch);
    toy_case_client_stream(f->ch);
    toy_case_bidi(f->ch);
    toy_case_stream_cancel(f->ch, &f->toy);
}

static void
serves_others_while_streams_are_open(void **state)
{
    struct fixture *f = *state;
    struct rpc_stream *s[STREAMS];
    struct arena arena = {0};

    for (int i = 0; i < STREAMS; i++)
        s[i] = chat_open(f->ch);
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < STREAMS; i++) {
            chat_ping(s[i]);
            (void) toy_echo_call(f->ch, NULL, "between", &arena);
        }
    expect_busy(f, STREAMS);
    for (int i = 0; i < STREAMS; i++)
        chat_end(s[i]);
    arena_done(&arena);
}

static void *
echo_thread(void *arg)
{
    struct err err = {0};
    int r;

    for (int i = 0; i < 200; i++) {
        r = echo(arg, NULL, "x", &err);
        if (r < 0)
            return (void *) (intptr_t) r;
    }
    return NULL;
}

static void
serves_threads_of_one_client_side_by_side(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[16];
    void *r;

    for (int i = 0; i < 16; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, echo_thread, f->ch), 0);
    for (int i = 0; i < 16; i++) {
        (void) pthread_join(threads[i], &r);
        assert_null(r);
    }
}

static void
queues_calls_beyond_its_threads(void **state)
{
    struct fixture *f = *state;
    struct rpc_stream *s[4];
    pthread_t threads[8];
    void *r;

    serve(f, (struct grpc_server_options){.threads_max = 4});
    for (int i = 0; i < 4; i++)
        s[i] = chat_open(f->ch);
    for (int i = 0; i < 4; i++)
        chat_ping(s[i]);
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, echo_thread, f->ch), 0);
    chat_ping(s[3]); /* what runs goes on */
    chat_end(s[0]);  /* and one place is enough for all that wait */
    for (int i = 0; i < 8; i++) {
        (void) pthread_join(threads[i], &r);
        assert_null(r);
    }
    for (int i = 1; i < 4; i++)
        chat_end(s[i]);
}

/* ---- clients in processes of their own ---- */

/* Runs this program again as a client (client_main): gRPC does not survive fork. */
static pid_t
client_start(const struct fixture *f, const char *what, uid_t uid)
{
    char *argv[] = {(char *) "client", (char *) what, f->path, NULL};
    pid_t pid = fork();

    if (pid == 0) {
        if (uid && (setgid(uid) < 0 || setuid(uid) < 0))
            _exit(99);
        (void) execv("/proc/self/exe", argv);
        _exit(98);
    }
    assert_true(pid > 0);
    return pid;
}

static int
client_wait(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Waits for ever in the middle of a stream. */
static int
client_stream(struct rpc_channel *ch, const char *method)
{
    Ross__Toy__Word w = ROSS__TOY__WORD__INIT;
    struct arena arena = {0};
    struct rpc_stream *s;
    void *msg;

    w.number = -1;
    if (rpc_stream_open(ch, NULL, SVC, method, &s, NULL) < 0 || rpc_stream_send(s, &w, NULL) < 0)
        return 96;
    if (!strcmp(method, "Count") && rpc_stream_close_send(s, NULL) < 0)
        return 95;
    if (rpc_stream_recv(s, &arena, &msg, NULL) != 1)
        return 94;
    (void) pause();
    return 93;
}

/* The exit status is the code of an Echo; the others wait to be killed. */
static int
client_main(const char *what, const char *path)
{
    struct rpc_channel *ch;
    int r;

    if (grpc_channel_open(path, &ch, NULL) < 0)
        return 97;
    if (!strcmp(what, "stream"))
        r = client_stream(ch, "Chat");
    else if (!strcmp(what, "count"))
        r = client_stream(ch, "Count");
    else
        r = -echo(ch, NULL, what, NULL);
    rpc_channel_free(ch);
    return r;
}

static void
notices_a_client_that_vanishes(void **state)
{
    static const char *const kinds[] = {"stream", "spin", "count"};
    struct fixture *f = *state;
    pid_t pid;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        pid = client_start(f, kinds[i], 0);
        toy_wait(&f->toy, &f->toy.n_running, 1);
        (void) kill(pid, SIGKILL);
        toy_wait(&f->toy, &f->toy.n_ended, (int) i + 1);
        assert_int_equal(toy_get(&f->toy, &f->toy.last_r), -CODE_CANCELED);
        assert_int_equal(client_wait(pid), -SIGKILL);
    }
}

static void
checks_who_connects(void **state)
{
    struct fixture *f = *state;

    if (geteuid() != 0)
        skip(); /* only root can become somebody else */
    assert_int_equal(chmod(f->dir, 0711), 0);
    serve(f, (struct grpc_server_options){0});
    assert_int_equal(client_wait(client_start(f, "echo", 0)), 0);
    assert_int_equal(client_wait(client_start(f, "echo", 65534)), CODE_PERMISSION_DENIED);
    assert_int_equal(chmod(f->path, 0666), 0);
    assert_int_equal(client_wait(client_start(f, "echo", 65534)), CODE_UNAVAILABLE);
    grpc_server_stop(f->host, 0);
    serve(f, (struct grpc_server_options){.any_uid = true});
    assert_int_equal(chmod(f->path, 0666), 0);
    assert_int_equal(client_wait(client_start(f, "echo", 65534)), 0);
}

/* ---- deadlines, cancelling, limits ---- */

static void
passes_deadlines_and_cancels_on(void **state)
{
    struct fixture *f = *state;
    struct call_ctx ctx = {0};
    struct err err = {0};

    /* a deadline that is over before a busy machine came to the handler says nothing about handlers */
    for (int64_t ms = 50; !toy_get(&f->toy, &f->toy.n_ended) && ms < PATIENCE_MS; ms *= 2) {
        ctx.deadline_ns = clock_mono_ns() + ms * NS_PER_MS;
        assert_code(echo(f->ch, &ctx, "spin", &err), CODE_DEADLINE_EXCEEDED, &err);
        expect_busy(f, 0);
    }
    assert_true(toy_get(&f->toy, &f->toy.n_ended) > 0);
    assert_int_equal(toy_get(&f->toy, &f->toy.last_r), -CODE_CANCELED);
}

static void *
cancel_when_running(void *arg)
{
    struct {
        struct fixture *f;
        atomic_bool flag;
    } *c = arg;

    toy_wait(&c->f->toy, &c->f->toy.n_running, 1);
    atomic_store(&c->flag, true);
    return NULL;
}

static void
is_cancelled_by_its_caller(void **state)
{
    struct {
        struct fixture *f;
        atomic_bool flag;
    } c = {.f = *state};
    struct call_ctx ctx = {.cancelled = &c.flag};
    struct err err = {0};
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, cancel_when_running, &c), 0);
    assert_code(echo(c.f->ch, &ctx, "spin", &err), CODE_CANCELED, &err);
    (void) pthread_join(thread, NULL);
    toy_wait(&c.f->toy, &c.f->toy.n_ended, 1);
}

static void
bounds_messages(void **state)
{
    struct fixture *f = *state;
    Ross__Toy__Word w = ROSS__TOY__WORD__INIT, *out;
    struct arena arena = {0};
    struct err err = {0};
    void *reply;

    w.data.len = RPC_MESSAGE_MAX - 16;
    w.data.data = xcalloc(1, w.data.len + 64);
    assert_ok(rpc_invoke(f->ch, NULL, SVC, "Echo", &w, &arena, &reply, &err), &err);
    out = reply;
    assert_int_equal(out->data.len, w.data.len);
    w.data.len += 64;
    assert_code(rpc_invoke(f->ch, NULL, SVC, "Echo", &w, &arena, &reply, &err),
                CODE_RESOURCE_EXHAUSTED, &err);
    free(w.data.data);
    arena_done(&arena);
}

/* A client without a limit of its own sends n bytes to the method: the status that it gets. */
static grpc_status_code
raw_call(const char *path, const char *method, size_t n)
{
    grpc_completion_queue *cq = grpc_completion_queue_create_for_pluck(NULL);
    grpc_channel_credentials *creds = grpc_insecure_credentials_create();
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    grpc_slice name = grpc_slice_from_copied_string(method), body = grpc_slice_malloc(n), details;
    grpc_byte_buffer *bytes = grpc_raw_byte_buffer_create(&body, 1), *reply = NULL;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    grpc_metadata_array initial, trailing;
    grpc_status_code status;
    grpc_channel *ch;
    grpc_call *call;

    (void) strncpy(addr.sun_path, path, sizeof addr.sun_path - 1);
    assert_int_equal(connect(fd, (struct sockaddr *) &addr, sizeof addr), 0);
    assert_int_equal(fd_set_nonblock(fd), 0);
    memset(GRPC_SLICE_START_PTR(body), 0xff, n);
    ch = grpc_channel_create_from_fd("localhost", fd, creds, NULL);
    call = grpc_channel_create_call(ch, NULL, GRPC_PROPAGATE_DEFAULTS, cq, name, NULL,
                                    gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    grpc_metadata_array_init(&initial);
    grpc_metadata_array_init(&trailing);
    grpc_op ops[] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA},
        {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = bytes},
        {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
        {.op = GRPC_OP_RECV_INITIAL_METADATA,
         .data.recv_initial_metadata.recv_initial_metadata = &initial},
        {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &reply},
        {.op = GRPC_OP_RECV_STATUS_ON_CLIENT,
         .data.recv_status_on_client = {.trailing_metadata = &trailing,
                                        .status = &status,
                                        .status_details = &details}},
    };
    assert_int_equal(grpc_call_start_batch(call, ops, ARRAY_LEN(ops), cq, NULL), GRPC_CALL_OK);
    (void) grpc_completion_queue_pluck(cq, cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    grpc_call_unref(call);
    grpc_channel_destroy(ch);
    grpc_channel_credentials_release(creds);
    grpc_completion_queue_shutdown(cq);
    (void) grpc_completion_queue_pluck(cq, NULL, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    grpc_completion_queue_destroy(cq);
    grpc_metadata_array_destroy(&initial);
    grpc_metadata_array_destroy(&trailing);
    grpc_byte_buffer_destroy(bytes);
    if (reply)
        grpc_byte_buffer_destroy(reply);
    grpc_slice_unref(body);
    grpc_slice_unref(name);
    grpc_slice_unref(details);
    return status;
}

static void
refuses_messages_beyond_the_limit(void **state)
{
    static const char *const methods[] = {"Echo", "Count", "Sum", "Chat"};
    struct fixture *f = *state;
    struct err err = {0};
    char name[64];

    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        (void) snprintf(name, sizeof name, "/ross.toy.Toy/%s", methods[i]);
        assert_int_equal(raw_call(f->path, name, RPC_MESSAGE_MAX + 1), CODE_RESOURCE_EXHAUSTED);
        assert_int_equal(raw_call(f->path, name, 100), CODE_INTERNAL); /* not a message */
    }
    assert_int_equal(raw_call(f->path, "/ross.toy.Toy/Nothing", 10), CODE_UNIMPLEMENTED);
    assert_int_equal(raw_call(f->path, "/nobody/Nothing", RPC_MESSAGE_MAX + 1), CODE_UNIMPLEMENTED);
    assert_int_equal(raw_call(f->path, "/", 10), CODE_UNIMPLEMENTED);
    assert_int_equal(raw_call(f->path, "no/slash", 10), CODE_UNIMPLEMENTED);
    assert_ok(echo(f->ch, NULL, "x", &err), &err);
}

static void
waits_for_a_client_that_does_not_read(void **state)
{
    struct fixture *f = *state;
    Ross__Toy__Word w = ROSS__TOY__WORD__INIT;
    struct arena arena = {0};
    struct rpc_stream *s;
    struct err err = {0};
    int before = 0, now = -1;
    void *msg;

    w.number = -1;
    w.data.len = 256 * 1024;
    w.data.data = xcalloc(1, w.data.len);
    assert_ok(rpc_stream_open(f->ch, NULL, SVC, "Count", &s, &err), &err);
    assert_ok(rpc_stream_send(s, &w, &err), &err);
    assert_ok(rpc_stream_close_send(s, &err), &err);
    assert_int_equal(rpc_stream_recv(s, &arena, &msg, &err), 1);
    while (before != now) { /* until the sender stands still */
        before = now;
        (void) echo(f->ch, NULL, "x", &err); /* the connection is used meanwhile */
        (void) poll(NULL, 0, 100);
        (void) pthread_mutex_lock(&f->toy.lock);
        now = f->toy.n_sent;
        (void) pthread_mutex_unlock(&f->toy.lock);
        assert_in_range((size_t) now * w.data.len, 0, WINDOW_BYTES);
    }
    for (int i = 1; i < now + 10; i++) {
        arena_reset(&arena);
        assert_int_equal(rpc_stream_recv(s, &arena, &msg, &err), 1);
        assert_int_equal(((Ross__Toy__Word *) msg)->number, i);
    }
    rpc_stream_free(s);
    free(w.data.data);
    arena_done(&arena);
}

/* ---- health ---- */

static int
health_check(struct rpc_channel *ch, const char *service, struct err *err)
{
    Grpc__Health__V1__HealthCheckRequest req = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    struct arena arena = {0};
    void *reply;
    int r;

    req.service = (char *) service;
    r = rpc_invoke(ch, NULL, HEALTH, "Check", &req, &arena, &reply, err);
    if (r == 0)
        r = (int) ((Grpc__Health__V1__HealthCheckResponse *) reply)->status;
    arena_done(&arena);
    return r;
}

static void
says_that_it_is_healthy(void **state)
{
    struct fixture *f = *state;
    Grpc__Health__V1__HealthCheckRequest req = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    Grpc__Health__V1__HealthListRequest list = GRPC__HEALTH__V1__HEALTH_LIST_REQUEST__INIT;
    struct arena arena = {0};
    struct rpc_stream *s;
    struct err err = {0};
    void *msg;

    assert_int_equal(health_check(f->ch, "", &err), 1);
    assert_int_equal(health_check(f->ch, "ross.toy.Toy", &err), 1);
    assert_code(health_check(f->ch, "nobody", &err), CODE_NOT_FOUND, &err);
    assert_ok(rpc_invoke(f->ch, NULL, HEALTH, "List", &list, &arena, &msg, &err), &err);
    assert_int_equal(((Grpc__Health__V1__HealthListResponse *) msg)->n_statuses, 2);

    assert_ok(rpc_stream_open(f->ch, NULL, HEALTH, "Watch", &s, &err), &err);
    assert_ok(rpc_stream_send(s, &req, &err), &err);
    assert_ok(rpc_stream_close_send(s, &err), &err);
    assert_int_equal(rpc_stream_recv(s, &arena, &msg, &err), 1);
    assert_int_equal(((Grpc__Health__V1__HealthCheckResponse *) msg)->status, 1);
    expect_busy(f, 1);
    grpc_server_stop(TAKE(f->host), PATIENCE_MS); /* does not wait for watchers */
    assert_code(rpc_stream_recv(s, &arena, &msg, &err), CODE_UNAVAILABLE, &err);
    rpc_stream_free(s);
    arena_done(&arena);
}

/* ---- coming and going ---- */

static void
says_at_once_that_nobody_serves(void **state)
{
    struct fixture *f = *state;
    int64_t before = clock_mono_ns();
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct rpc_stream *s;
    struct err err = {0};
    int fd;

    assert_code(echo(f->ch, NULL, "x", &err), CODE_UNAVAILABLE, &err);
    assert_non_null(strstr(err.msg, f->path));
    assert_code(rpc_stream_open(f->ch, NULL, SVC, "Chat", &s, &err), CODE_UNAVAILABLE, &err);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); /* a socket that nobody serves */
    (void) strncpy(addr.sun_path, f->path, sizeof addr.sun_path - 1);
    assert_int_equal(bind(fd, (struct sockaddr *) &addr, sizeof addr), 0);
    assert_code(echo(f->ch, NULL, "x", &err), CODE_UNAVAILABLE, &err);
    assert_true(clock_mono_ns() - before < PATIENCE_MS * NS_PER_MS);
    (void) fd_close(fd);

    serve(f, (struct grpc_server_options){0}); /* takes the place of the stale socket */
    assert_ok(echo(f->ch, NULL, "x", &err), &err);
}

static void
is_found_again_after_a_restart(void **state)
{
    struct fixture *f = *state;
    struct rpc_stream *s;
    struct err err = {0};

    for (int i = 0; i < 5; i++) {
        assert_ok(echo(f->ch, NULL, "x", &err), &err);
        s = chat_open(f->ch);
        chat_ping(s);
        grpc_server_stop(f->host, 0);
        serve(f, (struct grpc_server_options){0});
        assert_ok(echo(f->ch, NULL, "x", &err), &err);
        rpc_stream_free(s);
    }
}

static void
guards_its_socket(void **state)
{
    struct fixture *f = *state;
    struct grpc_server_options opt = {.address = f->path, .listen_fd = -1};
    struct grpc_service_host *second;
    struct err err = {0};
    struct stat st;
    char *path;

    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_code(grpc_server_serve(&opt, NULL, 0, &second, &err), CODE_FAILED_PRECONDITION, &err);
    assert_ok(echo(f->ch, NULL, "x", &err), &err);
    grpc_server_stop(TAKE(f->host), 0);
    assert_int_equal(stat(f->path, &st), -1);

    opt.address = "relative.sock";
    assert_code(grpc_server_serve(&opt, NULL, 0, &second, &err), CODE_INVALID_ARGUMENT, &err);
    opt.address = path = xasprintf("unix://%s/deep/er/x.sock", f->dir);
    assert_ok(grpc_server_serve(&opt, NULL, 0, &second, &err), &err);
    grpc_server_stop(second, 0);
    free(path);
    opt.address = path = xasprintf("%s/file", f->dir);
    (void) fd_close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    assert_code(grpc_server_serve(&opt, NULL, 0, &second, &err), CODE_FAILED_PRECONDITION, &err);
    assert_int_equal(stat(path, &st), 0);
    free(path);
}

static void
serves_a_socket_handed_over(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct err err = {0};
    struct stat st;

    (void) strncpy(addr.sun_path, f->path, sizeof addr.sun_path - 1);
    assert_int_equal(bind(fd, (struct sockaddr *) &addr, sizeof addr), 0);
    assert_int_equal(listen(fd, 8), 0);
    serve(f, (struct grpc_server_options){.listen_fd = fd});
    assert_ok(echo(f->ch, NULL, "x", &err), &err);
    grpc_server_stop(f->host, 0);
    assert_int_equal(stat(f->path, &st), 0); /* not ours to remove */
    serve(f, (struct grpc_server_options){.listen_fd = fd});
    assert_ok(echo(f->ch, NULL, "x", &err), &err);
    grpc_server_stop(TAKE(f->host), 0);
    (void) fd_close(fd);
}

static void
knows_whether_it_is_busy(void **state)
{
    struct fixture *f = *state;
    int64_t idle_since, now = clock_mono_ns();
    struct rpc_stream *s;

    assert_int_equal(grpc_server_busy(f->host, &idle_since), 0);
    assert_true(idle_since <= now);
    s = chat_open(f->ch);
    chat_ping(s);
    assert_int_equal(grpc_server_busy(f->host, &idle_since), 1);
    chat_end(s);
    while (grpc_server_busy(f->host, &idle_since))
        (void) sched_yield();
    assert_true(idle_since > now);
}

static void *
stop_thread(void *arg)
{
    grpc_server_stop(arg, PATIENCE_MS);
    return NULL;
}

static void
lets_calls_end_when_stopped(void **state)
{
    struct fixture *f = *state;
    struct rpc_stream *s = chat_open(f->ch);
    pthread_t thread;
    struct stat st;

    chat_ping(s);
    assert_int_equal(pthread_create(&thread, NULL, stop_thread, TAKE(f->host)), 0);
    while (stat(f->path, &st) == 0)
        (void) sched_yield();
    chat_ping(s); /* still served */
    chat_end(s);
    (void) pthread_join(thread, NULL);
    assert_int_equal(toy_get(&f->toy, &f->toy.last_r), 0);
}

static void
cancels_what_does_not_end_when_stopped(void **state)
{
    struct fixture *f = *state;
    struct rpc_stream *s = chat_open(f->ch);

    chat_ping(s);
    grpc_server_stop(TAKE(f->host), 50);
    assert_int_equal(f->toy.n_ended, 1);
    assert_int_equal(toy_get(&f->toy, &f->toy.last_r), -CODE_CANCELED);
    rpc_stream_free(s);
}

static void
survives_peers_that_do_not_speak_its_language(void **state)
{
    static const char *const lines[] = {"", "GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n",
                                        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff"};
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct fixture *f = *state;
    struct err err = {0};
    int fds[40], n = 0;
    int64_t before;

    (void) strncpy(addr.sun_path, f->path, sizeof addr.sun_path - 1);
    for (int i = 0; i < 40; i++) {
        n = (int) strlen(lines[i % 4]);
        fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *) &addr, sizeof addr), 0);
        assert_int_equal(send(fds[i], lines[i % 4], (size_t) n, MSG_NOSIGNAL), n);
        assert_ok(echo(f->ch, NULL, "x", &err), &err);
    }
    before = clock_mono_ns();
    grpc_server_stop(TAKE(f->host), 200); /* half-open connections do not hold it */
    assert_true(clock_mono_ns() - before < PATIENCE_MS * NS_PER_MS);
    for (int i = 0; i < 40; i++)
        (void) fd_close(fds[i]);
}

#define CASE(name)         cmocka_unit_test_setup_teardown(name, setup, teardown)
#define CASE_STOPPED(name) cmocka_unit_test_setup_teardown(name, setup_stopped, teardown)

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(serves_every_kind),
        CASE(serves_others_while_streams_are_open),
        CASE(serves_threads_of_one_client_side_by_side),
        CASE_STOPPED(queues_calls_beyond_its_threads),
        CASE(notices_a_client_that_vanishes),
        CASE_STOPPED(checks_who_connects),
        CASE(passes_deadlines_and_cancels_on),
        CASE(is_cancelled_by_its_caller),
        CASE(bounds_messages),
        CASE(refuses_messages_beyond_the_limit),
        CASE(waits_for_a_client_that_does_not_read),
        CASE(says_that_it_is_healthy),
        CASE_STOPPED(says_at_once_that_nobody_serves),
        CASE(is_found_again_after_a_restart),
        CASE(guards_its_socket),
        CASE_STOPPED(serves_a_socket_handed_over),
        CASE(knows_whether_it_is_busy),
        CASE(lets_calls_end_when_stopped),
        CASE(cancels_what_does_not_end_when_stopped),
        CASE(survives_peers_that_do_not_speak_its_language),
    };

    log_set_level(LOG_ERROR);
    if (argc == 3)
        return client_main(argv[1], argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
