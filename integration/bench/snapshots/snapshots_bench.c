/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshots_bench ADDRESS SNAPSHOTTER CLIENTS COUNT [lease=ID] [fill=N] [file]
 *
 * CLIENTS threads, a connection each, take COUNT snapshots together through prepare, mounts, stat, commit and
 * remove, on a chain of ten layers. One line per step: its name, calls a second, median and 99th percentile in
 * microseconds.
 *
 *   fill=N    first make N snapshots that stay (views on the chain)
 *   file      write a file of 4 KiB into each snapshot before its commit (needs the directory: not for long options)
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/client/snapshots_client.h"
#include "api/grpc/grpc_channel.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/parse.h"

#define CHAIN 10

struct bench {
    const char *address, *snapshotter;
    struct call_ctx ctx;
    unsigned clients, count;
    bool file;
    char top[64];
    pthread_barrier_t step;
    int64_t *took_ns; /* of each call of the step */
    int64_t started_ns;
};

struct client {
    struct bench *b;
    unsigned number;
    struct rpc_channel *ch;
    struct snapshots *s;
};

static const struct labels no_labels;

static void
must(int r, const char *what, const struct err *err)
{
    if (r == 0)
        return;
    (void) fprintf(stderr, "snapshots_bench: %s: %s\n", what, err->msg);
    exit(1);
}

static void
write_file(const char *dir)
{
    static const char bytes[4096];
    auto_free char *path = xasprintf("%s/file", dir);
    auto_close int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    if (fd < 0 || fd_write_all(fd, bytes, sizeof bytes) < 0)
        must(-1, path, &(struct err){.msg = "cannot write"});
}

/* ---- the steps ---- */

static void
key_of(char out[64], const struct client *c, unsigned i)
{
    (void) snprintf(out, 64, "bench-%u-%u", c->number, i);
}

static int
step_prepare(struct client *c, unsigned i, struct err *err)
{
    AUTO(mount_list) l = {0};
    char key[64];
    int r;

    key_of(key, c, i);
    r = snapshots_prepare(c->s, &c->b->ctx, SNAPSHOT_ACTIVE, key, c->b->top, &no_labels, &l, err);
    if (r == 0 && c->b->file)
        write_file(mount_option_find(&l.items[0], "upperdir"));
    return r;
}

static int
step_mounts(struct client *c, unsigned i, struct err *err)
{
    AUTO(mount_list) l = {0};
    char key[64];

    key_of(key, c, i);
    return snapshots_mounts(c->s, &c->b->ctx, key, &l, err);
}

static int
step_stat(struct client *c, unsigned i, struct err *err)
{
    AUTO(snapshot_info) info = {0};
    char key[64];

    key_of(key, c, i);
    return snapshots_stat(c->s, &c->b->ctx, key, &info, err);
}

static int
step_commit(struct client *c, unsigned i, struct err *err)
{
    char key[64], name[80];

    key_of(key, c, i);
    (void) snprintf(name, sizeof name, "%s-done", key);
    return snapshots_commit(c->s, &c->b->ctx, name, key, "", &no_labels, err);
}

static int
step_remove(struct client *c, unsigned i, struct err *err)
{
    char key[64], name[80];

    key_of(key, c, i);
    (void) snprintf(name, sizeof name, "%s-done", key);
    return snapshots_remove(c->s, &c->b->ctx, name, err);
}

static const struct {
    const char *name;
    int (*fn)(struct client *c, unsigned i, struct err *err);
} steps[] = {
    {"prepare", step_prepare}, {"mounts", step_mounts}, {"stat", step_stat},
    {"commit", step_commit},   {"remove", step_remove},
};

static int
by_time(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void
report(struct bench *b, const char *name)
{
    int64_t took = clock_mono_ns() - b->started_ns;

    qsort(b->took_ns, b->count, sizeof *b->took_ns, by_time);
    (void) printf("%s %.0f %" PRId64 " %" PRId64 "\n", name,
                  (double) b->count / ((double) took / (double) NS_PER_S),
                  b->took_ns[b->count / 2] / NS_PER_US,
                  b->took_ns[b->count * 99 / 100] / NS_PER_US);
    (void) fflush(stdout);
}

/* All clients wait for each other here; true for one of them. */
static bool
one_of_all(struct bench *b)
{
    /* NOLINTNEXTLINE(bugprone-posix-return): the value for that one is negative */
    return pthread_barrier_wait(&b->step) == PTHREAD_BARRIER_SERIAL_THREAD;
}

static void *
run_client(void *arg)
{
    struct client *c = arg;
    struct bench *b = c->b;
    struct err err = {0};

    for (size_t s = 0; s < ARRAY_LEN(steps); s++) {
        if (one_of_all(b))
            b->started_ns = clock_mono_ns();
        (void) pthread_barrier_wait(&b->step);
        for (unsigned i = c->number; i < b->count; i += b->clients) {
            int64_t start = clock_mono_ns();

            must(steps[s].fn(c, i, &err), steps[s].name, &err);
            b->took_ns[i] = clock_mono_ns() - start;
        }
        if (one_of_all(b))
            report(b, steps[s].name);
    }
    return NULL;
}

static void
make_chain(struct bench *b, struct snapshots *s)
{
    char key[64], parent[64] = "";
    struct err err = {0};

    for (int i = 0; i < CHAIN; i++) {
        AUTO(mount_list) l = {0};
        AUTO(snapshot_info) there = {0};

        (void) snprintf(key, sizeof key, "bench-layer-%d", i);
        if (snapshots_stat(s, &b->ctx, key, &there, NULL) < 0) {
            must(snapshots_prepare(s, &b->ctx, SNAPSHOT_ACTIVE, "bench-making", parent, &no_labels,
                                   &l, &err),
                 "prepare", &err);
            must(snapshots_commit(s, &b->ctx, key, "bench-making", "", &no_labels, &err), "commit",
                 &err);
        }
        (void) snprintf(parent, sizeof parent, "%s", key);
    }
    (void) snprintf(b->top, sizeof b->top, "%s", parent);
}

static void
fill(struct bench *b, struct snapshots *s, unsigned n)
{
    char key[64];
    struct err err = {0};

    for (unsigned i = 0; i < n; i++) {
        AUTO(mount_list) l = {0};

        (void) snprintf(key, sizeof key, "bench-fill-%u", i);
        must(snapshots_prepare(s, &b->ctx, SNAPSHOT_VIEW, key, b->top, &no_labels, &l, &err),
             "fill", &err);
    }
}

static unsigned
number(const char *text)
{
    struct err err = {0};
    uint32_t n = 0;

    must(parse_u32(text, &n, &err), "number", &err);
    return n;
}

int
main(int argc, char **argv)
{
    struct bench b = {.ctx.ns = "bench"};
    struct client *clients;
    pthread_t *threads;
    struct err err = {0};
    unsigned fill_n = 0;

    if (argc < 5) {
        (void) fprintf(stderr,
                       "usage: %s ADDRESS SNAPSHOTTER CLIENTS COUNT [lease=ID] [fill=N] [file]\n",
                       argv[0]);
        return 2;
    }
    b.address = argv[1];
    b.snapshotter = argv[2];
    b.clients = number(argv[3]);
    b.count = number(argv[4]);
    for (int i = 5; i < argc; i++) {
        if (strncmp(argv[i], "lease=", 6) == 0)
            b.ctx.lease = argv[i] + 6;
        else if (strncmp(argv[i], "fill=", 5) == 0)
            fill_n = number(argv[i] + 5);
        else if (strcmp(argv[i], "file") == 0)
            b.file = true;
    }
    clients = xcalloc(b.clients, sizeof *clients);
    threads = xcalloc(b.clients, sizeof *threads);
    b.took_ns = xcalloc(b.count, sizeof *b.took_ns);
    (void) pthread_barrier_init(&b.step, NULL, b.clients);
    for (unsigned i = 0; i < b.clients; i++) {
        clients[i] = (struct client){.b = &b, .number = i};
        must(grpc_channel_open(b.address, &clients[i].ch, &err), "connect", &err);
        clients[i].s = snapshots_client_new(clients[i].ch, b.snapshotter);
    }
    make_chain(&b, clients[0].s);
    fill(&b, clients[0].s, fill_n);
    for (unsigned i = 0; i < b.clients; i++)
        must(-pthread_create(&threads[i], NULL, run_client, &clients[i]), "thread", &err);
    for (unsigned i = 0; i < b.clients; i++) {
        (void) pthread_join(threads[i], NULL);
        snapshots_free(clients[i].s);
        rpc_channel_free(clients[i].ch);
    }
    free(clients);
    free(threads);
    free(b.took_ns);
    return 0;
}
