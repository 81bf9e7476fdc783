/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness from the kernel. */
#include "random.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

static void
fill(void *p, size_t n)
{
    /* up to 256 bytes are never cut short or interrupted, random(7) */
    assert(n <= 256);
    if (getrandom(p, n, 0) != (ssize_t) n)
        abort();
}

uint32_t
random_u32(void)
{
    uint32_t v;

    fill(&v, sizeof v);
    return v;
}

char *
random_hex(char *out, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char bytes[256];

    fill(bytes, n);
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = hex[bytes[i] >> 4];
        out[2 * i + 1] = hex[bytes[i] & 15];
    }
    out[2 * n] = '\0';
    return out;
}
