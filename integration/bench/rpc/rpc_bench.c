/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latency and throughput of the transports, client and server in two processes on a unix socket.
 *
 *   rpc_bench             everything
 *   rpc_bench startup N   a fresh process that makes three gRPC calls, N times: time from exec to exit
 *   rpc_bench grpc|ttrpc  one transport
 *   rpc_bench streams     gRPC's streams alone, with the CPU time of both processes
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/grpc/grpc_channel.h"
#include "api/grpc/grpc_server.h"
#include "api/rpc/toy/toy.h"
#include "api/ttrpc/ttrpc_channel.h"
#include "api/ttrpc/ttrpc_server.h"
#include "libross/base/clock.h"

#define SVC          (&ross__toy__toy__descriptor)
#define CALLS        20000
#define STREAM_MSGS  1500
#define STREAM_BYTES (1024 * 1024)
#define STARTUPS     50

static char path[108];

static void
die(const char *what, const struct err *err)
{
    fprintf(stderr, "rpc_bench: %s: %s\n", what, err->msg[0] ? err->msg : strerror(errno));
    exit(1);
}

static pid_t
serve_grpc(void)
{
    struct grpc_server_options opt = {.address = path, .listen_fd = -1};
    struct grpc_service_host *host;
    struct rpc_service svc;
    struct err err = {0};
    struct toy toy;
    pid_t pid = fork();

    if (pid)
        return pid;
    toy_init(&toy);
    svc = toy_service(&toy);
    if (grpc_server_serve(&opt, &svc, 1, &host, &err) < 0)
        die("serve", &err);
    for (;;)
        (void) pause();
}

static pid_t
serve_ttrpc(void)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct ttrpc_server *server;
    struct rpc_service svc;
    struct err err = {0};
    struct loop *loop;
    struct toy toy;
    pid_t pid;

    memcpy(addr.sun_path, path, sizeof path);
    if (fd < 0 || bind(fd, (struct sockaddr *) &addr, sizeof addr) < 0 || listen(fd, 16) < 0)
        die("listen", &err);
    pid = fork();
    if (pid)
        return pid;
    toy_init(&toy);
    svc = toy_service(&toy);
    if (loop_new(&loop, &err) < 0 || ttrpc_server_new(loop, fd, &svc, 1, &server, &err) < 0)
        die("serve", &err);
    exit(loop_run(loop));
}

static void
stop(pid_t pid)
{
    (void) kill(pid, SIGKILL);
    (void) waitpid(pid, NULL, 0);
    (void) unlink(path);
}

static void
echo(struct rpc_channel *ch)
{
    Ross__Toy__Word w = ROSS__TOY__WORD__INIT;
    struct arena arena = {0};
    struct err err = {0};
    void *reply;

    w.text = (char *) "hello";
    if (rpc_invoke(ch, NULL, SVC, "Echo", &w, &arena, &reply, &err) < 0)
        die("Echo", &err);
    arena_done(&arena);
}

/* The server may still be starting. */
static void
connect_wait(struct rpc_channel *ch)
{
    Ross__Toy__Word w = ROSS__TOY__WORD__INIT;
    struct arena arena = {0};
    void *reply;

    while (rpc_invoke(ch, NULL, SVC, "Echo", &w, &arena, &reply, NULL) == -CODE_UNAVAILABLE)
        (void) poll(NULL, 0, 1);
    arena_done(&arena);
}

static void *
echo_thread(void *arg)
{
    for (int i = 0; i < CALLS / 4; i++)
        echo(arg);
    return NULL;
}

static int
compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;

    return (x > y) - (x < y);
}

static void
unary(const char *name, struct rpc_channel *ch)
{
    static int64_t took[CALLS];
    pthread_t threads[8];
    int64_t start, at;
    int median, late;

    start = clock_mono_ns();
    echo(ch);
    printf("%s: first call after connect %.3f ms\n", name,
           (double) (clock_mono_ns() - start) / 1e6);
    for (int i = 0; i < CALLS; i++) {
        at = clock_mono_ns();
        echo(ch);
        took[i] = clock_mono_ns() - at;
    }
    qsort(took, CALLS, sizeof took[0], compare);
    median = CALLS / 2;
    late = CALLS / 100 * 99;
    printf("%s: unary, one after the other: median %.1f us, 99%% %.1f us\n", name,
           (double) took[median] / 1e3, (double) took[late] / 1e3);
    start = clock_mono_ns();
    for (int i = 0; i < 8; i++)
        (void) pthread_create(&threads[i], NULL, echo_thread, ch);
    for (int i = 0; i < 8; i++)
        (void) pthread_join(threads[i], NULL);
    printf("%s: unary, 8 threads: %.0f calls/s\n", name,
           2.0 * CALLS * 1e9 / (double) (clock_mono_ns() - start));
}

static void
streams(struct rpc_channel *ch)
{
    Ross__Toy__Word w = ROSS__TOY__WORD__INIT;
    struct arena arena = {0};
    struct err err = {0};
    struct rpc_stream *s;
    int64_t start;
    void *msg;
    int r;

    w.number = STREAM_MSGS;
    w.data = (ProtobufCBinaryData){.len = STREAM_BYTES, .data = calloc(1, STREAM_BYTES)};
    start = clock_mono_ns();
    if (rpc_stream_open(ch, NULL, SVC, "Count", &s, &err) < 0 || rpc_stream_send(s, &w, &err) < 0 ||
        rpc_stream_close_send(s, &err) < 0)
        die("Count", &err);
    while ((r = rpc_stream_recv(s, &arena, &msg, &err)) > 0)
        arena_reset(&arena);
    if (r < 0)
        die("Count", &err);
    rpc_stream_free(s);
    printf("grpc: download, 1 MiB messages: %.0f MB/s\n",
           (double) STREAM_MSGS * STREAM_BYTES * 1e3 / (double) (clock_mono_ns() - start));

    start = clock_mono_ns();
    if (rpc_stream_open(ch, NULL, SVC, "Sum", &s, &err) < 0)
        die("Sum", &err);
    for (int i = 0; i < STREAM_MSGS; i++)
        if (rpc_stream_send(s, &w, &err) < 0)
            die("Sum", &err);
    if (rpc_stream_close_send(s, &err) < 0 || rpc_stream_recv(s, &arena, &msg, &err) != 1)
        die("Sum", &err);
    rpc_stream_free(s);
    printf("grpc: upload, 1 MiB messages: %.0f MB/s\n",
           (double) STREAM_MSGS * STREAM_BYTES * 1e3 / (double) (clock_mono_ns() - start));

    w.data.len = 1024;
    start = clock_mono_ns();
    if (rpc_stream_open(ch, NULL, SVC, "Chat", &s, &err) < 0)
        die("Chat", &err);
    for (int i = 0; i < CALLS; i++) {
        if (rpc_stream_send(s, &w, &err) < 0 || rpc_stream_recv(s, &arena, &msg, &err) != 1)
            die("Chat", &err);
        arena_reset(&arena);
    }
    rpc_stream_free(s);
    printf("grpc: ping-pong on a stream: %.1f us\n",
           (double) (clock_mono_ns() - start) / CALLS / 1e3);
    free(w.data.data);
    arena_done(&arena);
}

static void
startup(char *self, int n)
{
    struct rusage use;
    int64_t start = clock_mono_ns();
    int status;
    pid_t pid;

    for (int i = 0; i < n; i++) {
        pid = fork();
        if (pid == 0) {
            (void) execl(self, self, "three", path, (char *) NULL);
            _exit(127);
        }
        (void) waitpid(pid, &status, 0);
        if (status)
            die("three calls", &(struct err){0});
    }
    (void) getrusage(RUSAGE_CHILDREN, &use);
    printf("grpc: a process with three calls: %.2f ms, %ld KiB resident\n",
           (double) (clock_mono_ns() - start) / n / 1e6, use.ru_maxrss);
}

static void
bench_streams(void)
{
    struct rusage own, other;
    struct rpc_channel *ch;
    struct err err = {0};
    pid_t pid = serve_grpc();

    if (grpc_channel_open(path, &ch, &err) < 0)
        die("open", &err);
    connect_wait(ch);
    streams(ch);
    rpc_channel_free(ch);
    stop(pid);
    (void) getrusage(RUSAGE_SELF, &own);
    (void) getrusage(RUSAGE_CHILDREN, &other);
    printf("grpc: CPU of the streams: client %ld+%ld ms, server %ld+%ld ms (user+system)\n",
           own.ru_utime.tv_sec * 1000 + own.ru_utime.tv_usec / 1000,
           own.ru_stime.tv_sec * 1000 + own.ru_stime.tv_usec / 1000,
           other.ru_utime.tv_sec * 1000 + other.ru_utime.tv_usec / 1000,
           other.ru_stime.tv_sec * 1000 + other.ru_stime.tv_usec / 1000);
}

static void
bench_grpc(char *self, int startups, bool rest)
{
    struct rpc_channel *ch;
    struct err err = {0};
    pid_t pid = serve_grpc();

    for (int i = 0; i < 2000 && access(path, F_OK) < 0; i++)
        (void) poll(NULL, 0, 1);
    startup(self, startups);
    if (rest) {
        if (grpc_channel_open(path, &ch, &err) < 0)
            die("open", &err);
        connect_wait(ch);
        unary("grpc", ch);
        streams(ch);
        rpc_channel_free(ch);
    }
    stop(pid);
}

static void
bench_ttrpc(void)
{
    struct rpc_channel *ch;
    struct err err = {0};
    pid_t pid = serve_ttrpc();

    if (ttrpc_channel_open(path, &ch, &err) < 0)
        die("open", &err);
    unary("ttrpc", ch);
    rpc_channel_free(ch);
    stop(pid);
}

int
main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "all";
    struct rpc_channel *ch;

    if (!strcmp(what, "three")) {
        if (grpc_channel_open(argv[2], &ch, NULL) < 0)
            return 1;
        for (int i = 0; i < 3; i++)
            echo(ch);
        return 0;
    }
    (void) snprintf(path, sizeof path, "/tmp/rpc_bench.%d.sock", (int) getpid());
    if (!strcmp(what, "startup"))
        bench_grpc(argv[0], argc > 2 ? atoi(argv[2]) : STARTUPS, false);
    if (!strcmp(what, "streams"))
        bench_streams();
    if (!strcmp(what, "all") || !strcmp(what, "ttrpc"))
        bench_ttrpc();
    if (!strcmp(what, "all") || !strcmp(what, "grpc"))
        bench_grpc(argv[0], STARTUPS, true);
    return 0;
}
