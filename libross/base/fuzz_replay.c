/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main() of a fuzzer built without libFuzzer: feeds it every file of its corpus once, then a few broken variants
 * of each.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUT_MAX (1 << 20)
#define VARIANTS  64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Cuts and flips, the same for every run. */
static void
feed_variants(const unsigned char *bytes, size_t n)
{
    unsigned char *copy;
    uint32_t state = 2463534242u;
    size_t len;

    for (int i = 0; i < VARIANTS && n; i++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        len = i % 4 == 0 ? state % n : n;
        copy = malloc(len ? len : 1);
        if (!copy)
            abort();
        memcpy(copy, bytes, len);
        if (len)
            copy[state % len] ^= (unsigned char) (1u << (state >> 29));
        (void) LLVMFuzzerTestOneInput(copy, len);
        free(copy);
    }
}

int
main(int argc, char **argv)
{
    static unsigned char bytes[INPUT_MAX];
    struct dirent *e;
    int fd, files = 0;
    ssize_t n;
    DIR *dir;

    (void) LLVMFuzzerTestOneInput(bytes, 0);
    dir = argc > 1 ? opendir(argv[1]) : NULL;
    while (dir && (e = readdir(dir))) {
        if (e->d_name[0] == '.')
            continue;
        fd = openat(dirfd(dir), e->d_name, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
        if (n < 0) {
            perror(e->d_name);
            return 1;
        }
        (void) close(fd);
        (void) LLVMFuzzerTestOneInput(bytes, (size_t) n);
        feed_variants(bytes, (size_t) n);
        files++;
    }
    if (dir)
        (void) closedir(dir);
    if (!files) {
        fprintf(stderr, "no corpus in %s\n", argc > 1 ? argv[1] : "(none given)");
        return 1;
    }
    printf("replayed %d files\n", files);
    return 0;
}
