/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a blob, read in pieces whose sizes the first two bytes choose. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "decompress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes_source {
    const uint8_t *p;
    size_t n, step;
};

static ssize_t
bytes_read(void *source, void *p, size_t n, struct err *err)
{
    struct bytes_source *s = source;

    (void) err;
    if (n > s->n)
        n = s->n;
    if (n > s->step)
        n = s->step;
    memcpy(p, s->p, n);
    s->p += n;
    s->n -= n;
    return (ssize_t) n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct decompress_limits limits = {.output_bytes_max = 8 << 20,
                                                    .zstd_window_log_max = 23};
    static unsigned char out[4096];
    struct bytes_source src;
    AUTO_PTR(decompress) d = NULL;
    struct err err = {0};
    ssize_t n;

    if (size < 2)
        return 0;
    src = (struct bytes_source){.p = data + 2, .n = size - 2, .step = data[0] + 1u};
    d = decompress_new(bytes_read, &src, &limits);
    do {
        n = decompress_read(d, out, 1 + data[1] * 16u, &err);
    } while (n > 0);
    if (n < 0 && !err.msg[0])
        abort();
    return 0;
}
