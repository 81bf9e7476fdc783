/* SPDX-License-Identifier: Apache-2.0 */
/* Characters of filter expressions. */
#include "libross/filter/filter_rune.h"

#include "libross/base/mem.h"

size_t
rune_decode(const char *from, const char *end, uint32_t *ret)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *) from;
    size_t more;
    uint32_t c;

    if (from == end)
        return 0;
    if (*p < 0x80) {
        *ret = *p;
        return 1;
    }
    more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : 1;
    if (*p < 0xc2 || *p > 0xf4 || (size_t) (end - from) <= more)
        return 0;
    c = *p & (0x3fu >> more);
    for (size_t i = 1; i <= more; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    if (c < least[more] || c > RUNE_MAX || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *ret = c;
    return more + 1;
}

size_t
rune_encode(uint32_t c, char to[static RUNE_BYTES_MAX])
{
    if (c >= 0xd800 && c <= 0xdfff)
        c = RUNE_REPLACEMENT;
    if (c < 0x80) {
        to[0] = (char) c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char) (0xc0 | c >> 6);
        to[1] = (char) (0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char) (0xe0 | c >> 12);
        to[1] = (char) (0x80 | (c >> 6 & 0x3f));
        to[2] = (char) (0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (char) (0xf0 | c >> 18);
    to[1] = (char) (0x80 | (c >> 12 & 0x3f));
    to[2] = (char) (0x80 | (c >> 6 & 0x3f));
    to[3] = (char) (0x80 | (c & 0x3f));
    return 4;
}

struct range {
    uint32_t first, last;
};

static bool
is_in(uint32_t c, const struct range *ranges, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}

bool
rune_is_space(uint32_t c)
{
    static const struct range spaces[] = {
        {'\t', '\r'},     {' ', ' '},       {0x85, 0x85},     {0xa0, 0xa0},     {0x1680, 0x1680},
        {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000},
    };

    return is_in(c, spaces, ARRAY_LEN(spaces));
}

bool
rune_is_graphic(uint32_t c)
{
    static const struct range invisible[] = {
        {0x00, 0x1f},        {0x7f, 0x9f},     {0xad, 0xad},     {0x0600, 0x0605},
        {0x061c, 0x061c},    {0x06dd, 0x06dd}, {0x070f, 0x070f}, {0x180e, 0x180e},
        {0x200b, 0x200f},    {0x202a, 0x202e}, {0x2060, 0x206f}, {0xd800, 0xf8ff},
        {0xfeff, 0xfeff},    {0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0xe0000, 0xe00ff},
        {0xf0000, RUNE_MAX},
    };

    return !rune_is_space(c) && !is_in(c, invisible, ARRAY_LEN(invisible));
}
