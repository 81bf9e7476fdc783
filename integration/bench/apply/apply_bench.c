/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Applies layers, whole or in part, and says how long it took.
 *
 *   apply-bench STAGE LAYER... [-- DIR]
 *
 *   inflate  read and decompress
 *   hash     sha256 of the decompressed bytes (decompressing is not counted)
 *   write    take the decompressed bytes, from memory, apart and write the files (decompressing is not counted; the
 *            digest is made beside it)
 *   apply    all of it, as the snapshotter does: each layer to DIR/0, DIR/1, ... as an overlay's upper directory above
 *            the ones before
 *   durable  apply, and all is on the disk
 *   together durable, all layers at once and none above another, as ross-cli pulls an image
 *
 * Prints one line: STAGE, seconds, uncompressed bytes, MB/s.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "libross/archive/decompress.h"
#include "libross/archive/tar_apply.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/mem.h"
#include "libross/oci/digest.h"

#define PIECE_BYTES ((size_t) 256 * 1024)
#define LAYERS_MAX  128

struct bench {
    const char *stage, *dir;
    int lower_fds[LAYERS_MAX]; /* of the layers so far, filled from the end: nearest first */
    size_t n_layers;
    size_t first; /* the number of its first layer's directory */
    int64_t ns;
    uint64_t bytes;
};

/* Bytes of a layer after decompressing. */
struct memory {
    char *p;
    size_t n, cap, at;
};

static int
fail(const char *what, const struct err *err)
{
    fprintf(stderr, "apply-bench: %s: %s\n", what, err->msg[0] ? err->msg : strerror(errno));
    return -1;
}

static bool
stage_is(const struct bench *b, const char *name)
{
    return strcmp(b->stage, name) == 0;
}

static void
keep(struct memory *m, const char *p, size_t n)
{
    if (m->n + n > m->cap) {
        m->cap = 2 * m->cap + PIECE_BYTES;
        m->p = xrealloc(m->p, m->cap);
    }
    memcpy(m->p + m->n, p, n);
    m->n += n;
}

static ssize_t
memory_read(void *source, void *p, size_t n, struct err *err)
{
    struct memory *m = source;

    (void) err;
    if (n > m->n - m->at)
        n = m->n - m->at;
    memcpy(p, m->p + m->at, n);
    m->at += n;
    return (ssize_t) n;
}

/* Decompresses; the bytes go to `ret` unless that is NULL. */
static int
inflate_layer(struct bench *b, const char *layer, struct memory *ret)
{
    static char piece[PIECE_BYTES];
    auto_close int fd = open(layer, O_RDONLY | O_CLOEXEC);
    AUTO_PTR(decompress) d = decompress_new(decompress_source_fd, &fd, NULL);
    struct err err = {0};
    ssize_t n;

    if (fd < 0)
        return fail(layer, &err);
    while ((n = decompress_read(d, piece, sizeof piece, &err)) > 0) {
        b->bytes += (uint64_t) n;
        if (ret)
            keep(ret, piece, (size_t) n);
    }
    return n < 0 ? fail(layer, &err) : 0;
}

/* The digest of each layer is printed when APPLY_BENCH_DIGESTS is set. */
static int
apply_stream(struct bench *b, const char *layer, struct decompress *d, uint64_t *ret_bytes)
{
    struct tar_apply_options options = {
        .overlay = true,
        .durable = stage_is(b, "durable") || stage_is(b, "together"),
        .lower_fds = b->lower_fds + LAYERS_MAX - b->n_layers,
        .n_lower_fds = b->n_layers,
    };
    auto_free char *path = xasprintf("%s/%zu", b->dir, b->first + b->n_layers);
    struct tar_apply_result result;
    char shown[DIGEST_STR_MAX];
    struct err err = {0};
    int root;

    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return fail(path, &err);
    root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return fail(path, &err);
    b->lower_fds[LAYERS_MAX - ++b->n_layers] = root;
    if (tar_apply(root, d, &options, &result, &err) < 0)
        return fail(layer, &err);
    if (getenv("APPLY_BENCH_DIGESTS"))
        printf("%s\n", digest_format(&result.diff_id, shown));
    *ret_bytes = result.size_bytes;
    return 0;
}

static int
run_inflate(struct bench *b, const char *layer)
{
    int64_t start = clock_mono_ns();
    int r = inflate_layer(b, layer, NULL);

    b->ns += clock_mono_ns() - start;
    return r;
}

static int
run_hash(struct bench *b, const char *layer)
{
    struct memory m = {0};
    struct digest digest;
    int64_t start;
    int r = inflate_layer(b, layer, &m);

    start = clock_mono_ns();
    digest_compute(DIGEST_SHA256, m.p, m.n, &digest);
    b->ns += clock_mono_ns() - start;
    free(m.p);
    return r;
}

static int
run_write(struct bench *b, const char *layer)
{
    struct memory m = {0};
    AUTO_PTR(decompress) d = decompress_new(memory_read, &m, NULL);
    uint64_t bytes;
    int64_t start;
    int r = inflate_layer(b, layer, &m);

    start = clock_mono_ns();
    if (r == 0)
        r = apply_stream(b, layer, d, &bytes);
    b->ns += clock_mono_ns() - start;
    free(m.p);
    return r;
}

static int
run_apply(struct bench *b, const char *layer)
{
    auto_close int fd = open(layer, O_RDONLY | O_CLOEXEC);
    AUTO_PTR(decompress) d = decompress_new(decompress_source_fd, &fd, NULL);
    int64_t start = clock_mono_ns();
    struct err err = {0};
    uint64_t bytes = 0;
    int r;

    if (fd < 0)
        return fail(layer, &err);
    r = apply_stream(b, layer, d, &bytes);
    b->ns += clock_mono_ns() - start;
    b->bytes += bytes;
    return r;
}

/* One layer of `together`. */
struct job {
    pthread_t thread;
    struct bench bench;
    const char *layer;
    int r;
};

static void *
job_main(void *arg)
{
    struct job *j = arg;

    j->r = run_apply(&j->bench, j->layer);
    return NULL;
}

static int
run_together(struct bench *b, char *const *layers, size_t n)
{
    auto_free struct job *jobs = xcalloc(n, sizeof *jobs);
    int64_t start = clock_mono_ns();
    int r = 0;

    for (size_t i = 0; i < n; i++) {
        jobs[i].layer = layers[i];
        jobs[i].bench = (struct bench){.stage = b->stage, .dir = b->dir, .first = i};
        if (pthread_create(&jobs[i].thread, NULL, job_main, &jobs[i]) != 0)
            return fail(layers[i], &(struct err){0});
    }
    for (size_t i = 0; i < n; i++) {
        (void) pthread_join(jobs[i].thread, NULL);
        b->bytes += jobs[i].bench.bytes;
        if (jobs[i].r < 0)
            r = jobs[i].r;
    }
    b->ns = clock_mono_ns() - start;
    return r;
}

static const struct stage {
    const char *name;
    int (*run)(struct bench *b, const char *layer);
    bool needs_dir;
} stages[] = {
    {"inflate", run_inflate, false}, {"hash", run_hash, false},    {"write", run_write, true},
    {"apply", run_apply, true},      {"durable", run_apply, true}, {"together", run_apply, true},
};

static const struct stage *
find_stage(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(stages); i++) {
        if (strcmp(stages[i].name, name) == 0)
            return &stages[i];
    }
    return NULL;
}

int
main(int argc, char **argv)
{
    const struct stage *stage = argc > 2 ? find_stage(argv[1]) : NULL;
    struct bench b = {.stage = argv[1]};
    int n_layers = argc - 2;
    double seconds;

    if (argc > 4 && strcmp(argv[argc - 2], "--") == 0) {
        b.dir = argv[argc - 1];
        n_layers -= 2;
    }
    if (!stage || n_layers < 1 || n_layers > LAYERS_MAX || (stage->needs_dir && !b.dir)) {
        fprintf(stderr,
                "usage: apply-bench inflate|hash|write|apply|durable|together LAYER... [-- DIR]\n");
        return 2;
    }
    if (stage_is(&b, "together")) {
        if (run_together(&b, argv + 2, (size_t) n_layers) < 0)
            return 1;
        n_layers = 0;
    }
    for (int i = 0; i < n_layers; i++) {
        if (stage->run(&b, argv[2 + i]) < 0)
            return 1;
    }
    seconds = (double) b.ns / NS_PER_S;
    printf("%-8s %7.3f s %12" PRIu64 " bytes %7.0f MB/s\n", b.stage, seconds, b.bytes,
           (double) b.bytes / 1e6 / seconds);
    return 0;
}
