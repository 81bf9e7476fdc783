/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8, as much of it as filters need. */
#include "utf8.h"

bool
utf8_is_scalar(uint32_t c)
{
    return c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
}

/* Bytes of the sequence that begins with `lead`, 0 when none does; *ret_bits are its payload. */
static size_t
sequence_length(unsigned char lead, uint32_t *ret_bits)
{
    if (lead < 0x80) {
        *ret_bits = lead;
        return 1;
    }
    if ((lead & 0xe0) == 0xc0) {
        *ret_bits = lead & 0x1f;
        return 2;
    }
    if ((lead & 0xf0) == 0xe0) {
        *ret_bits = lead & 0x0f;
        return 3;
    }
    if ((lead & 0xf8) == 0xf0) {
        *ret_bits = lead & 0x07;
        return 4;
    }
    return 0;
}

bool
utf8_is_valid(const char *s)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t c;
    size_t n;

    while (*s) {
        n = sequence_length((unsigned char) *s++, &c);
        if (!n)
            return false;
        for (size_t i = 1; i < n; i++, s++) {
            if (((unsigned char) *s & 0xc0) != 0x80)
                return false;
            c = c << 6 | ((unsigned char) *s & 0x3f);
        }
        if (c < smallest[n] || !utf8_is_scalar(c))
            return false;
    }
    return true;
}

size_t
utf8_encode(uint32_t c, char out[static UTF8_BYTES_MAX])
{
    if (c < 0x80) {
        out[0] = (char) c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char) (0xc0 | c >> 6);
        out[1] = (char) (0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char) (0xe0 | c >> 12);
        out[1] = (char) (0x80 | (c >> 6 & 0x3f));
        out[2] = (char) (0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char) (0xf0 | c >> 18);
    out[1] = (char) (0x80 | (c >> 12 & 0x3f));
    out[2] = (char) (0x80 | (c >> 6 & 0x3f));
    out[3] = (char) (0x80 | (c & 0x3f));
    return 4;
}
