/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Applies layers, whole or in part, and says how long it took.
 *
 *   apply_bench STAGE LAYER… [-- DIR]
 *
 * STAGE: inflate (read and decompress), hash (sha256 of the decompressed bytes, held in memory), write (apply an
 * uncompressed layer from memory, without its hash counting less), apply, durable (apply and write through).
 * One line per run: STAGE, seconds, uncompressed bytes, MB/s.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "libross/archive/decompress.h"
#include "libross/archive/tar_apply.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/mem.h"
#include "libross/oci/digest.h"

#define PIECE_BYTES (256 * 1024)

static int
fail(const char *what, const struct err *err)
{
    fprintf(stderr, "apply_bench: %s: %s\n", what, err->msg[0] ? err->msg : strerror(errno));
    return -1;
}

/* Everything decompressed, the bytes dropped or hashed. */
static int
run_stream(const char *layer, struct hasher *hash, uint64_t *ret_bytes)
{
    static char piece[PIECE_BYTES];
    auto_close int fd = open(layer, O_RDONLY | O_CLOEXEC);
    AUTO_PTR(decompress) d = decompress_new(decompress_source_fd, &fd, NULL);
    struct err err = {0};
    ssize_t n;

    if (fd < 0)
        return fail(layer, &err);
    while ((n = decompress_read(d, piece, sizeof piece, &err)) > 0) {
        *ret_bytes += (uint64_t) n;
        if (hash)
            hasher_update(hash, piece, (size_t) n);
    }
    return n < 0 ? fail(layer, &err) : 0;
}

static int
run_apply(const char *layer, const char *dir, bool durable, uint64_t *ret_bytes)
{
    struct tar_apply_options options = {.overlay = true, .durable = durable};
    struct tar_apply_result result;
    auto_close int fd = open(layer, O_RDONLY | O_CLOEXEC), root = -1;
    AUTO_PTR(decompress) d = decompress_new(decompress_source_fd, &fd, NULL);
    struct err err = {0};

    if (fd < 0 || (mkdir(dir, 0755) < 0 && errno != EEXIST))
        return fail(fd < 0 ? layer : dir, &err);
    root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return fail(dir, &err);
    if (tar_apply(root, d, &options, &result, &err) < 0)
        return fail(layer, &err);
    *ret_bytes += result.size_bytes;
    return 0;
}

static int
run(const char *stage, const char *layer, const char *dir, uint64_t *ret_bytes)
{
    AUTO_PTR(hasher) hash = NULL;

    if (strcmp(stage, "inflate") == 0)
        return run_stream(layer, NULL, ret_bytes);
    if (strcmp(stage, "hash") == 0) {
        hash = hasher_new(DIGEST_SHA256);
        return run_stream(layer, hash, ret_bytes);
    }
    if (strcmp(stage, "apply") == 0 || strcmp(stage, "durable") == 0)
        return run_apply(layer, dir, strcmp(stage, "durable") == 0, ret_bytes);
    fprintf(stderr, "apply_bench: unknown stage '%s'\n", stage);
    return -1;
}

int
main(int argc, char **argv)
{
    int n_layers = argc - 2;
    const char *dir = NULL;
    uint64_t bytes = 0;
    int64_t start;
    double seconds;

    if (argc > 4 && strcmp(argv[argc - 2], "--") == 0) {
        dir = argv[argc - 1];
        n_layers -= 2;
    }
    if (n_layers < 1) {
        fprintf(stderr, "usage: apply_bench inflate|hash|apply|durable LAYER... [-- DIR]\n");
        return 2;
    }
    start = clock_mono_ns();
    for (int i = 0; i < n_layers; i++) {
        auto_free char *to = dir ? xasprintf("%s/%d", dir, i) : NULL;

        if (run(argv[1], argv[2 + i], to, &bytes) < 0)
            return 1;
    }
    seconds = (double) (clock_mono_ns() - start) / 1e9;
    printf("%-8s %7.3f s %12" PRIu64 " bytes %7.0f MB/s\n", argv[1], seconds, bytes,
           (double) bytes / 1e6 / seconds);
    return 0;
}
