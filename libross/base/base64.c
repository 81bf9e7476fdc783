/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648, section 4). */
#include "base64.h"

#include <string.h>

#include "mem.h"

static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *
base64_decode(const char *s, size_t *ret_len)
{
    size_t n = strlen(s), out = 0;

    if (n % 4 != 0)
        return NULL;
    size_t pad = n > 0 ? (size_t) (s[n - 1] == '=') + (s[n - 1] == '=' && s[n - 2] == '=') : 0;
    char *p = xmalloc(n / 4 * 3 + 1);
    unsigned bits = 0;
    for (size_t i = 0; i < n; i++) {
        const char *at = i < n - pad ? strchr(base64_alphabet, s[i]) : base64_alphabet;
        if (!at || !*at) {
            free(p);
            return NULL;
        }
        bits = bits << 6 | (unsigned) (at - base64_alphabet);
        if (i % 4 == 3)
            for (int shift = 16; shift >= 0; shift -= 8)
                p[out++] = (char) (bits >> shift & 0xff);
    }
    out -= pad;
    p[out] = '\0';
    *ret_len = out;
    return p;
}

char *
base64_encode(const void *p, size_t n)
{
    const unsigned char *in = p;
    char *out = xmalloc((n + 2) / 3 * 4 + 1), *q = out;

    for (size_t i = 0; i < n; i += 3) {
        unsigned bits = (unsigned) in[i] << 16;
        if (i + 1 < n)
            bits |= (unsigned) in[i + 1] << 8;
        if (i + 2 < n)
            bits |= in[i + 2];
        *q++ = base64_alphabet[bits >> 18 & 63];
        *q++ = base64_alphabet[bits >> 12 & 63];
        *q++ = i + 1 < n ? base64_alphabet[bits >> 6 & 63] : '=';
        *q++ = i + 2 < n ? base64_alphabet[bits & 63] : '=';
    }
    *q = '\0';
    return out;
}
