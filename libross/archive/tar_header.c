/* SPDX-License-Identifier: Apache-2.0 */
#include "tar_header.h"

#include <assert.h>
#include <string.h>

#define NSEC_DIGITS 9

static int
octal_parse(const unsigned char *p, size_t n, int64_t *ret)
{
    uint64_t v = 0;

    while (n && (p[0] == ' ' || p[0] == '\0')) {
        p++;
        n--;
    }
    while (n && (p[n - 1] == ' ' || p[n - 1] == '\0'))
        n--;
    n = strnlen((const char *) p, n);
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '7' || v >> 61)
            return -1;
        v = v << 3 | (uint64_t) (p[i] - '0');
    }
    *ret = (int64_t) v;
    return 0;
}

/* Two's complement, big-endian, the first bit of the field only marks the encoding. */
static int
base256_parse(const unsigned char *p, size_t n, int64_t *ret)
{
    unsigned char inv = p[0] & 0x40 ? 0xff : 0;
    uint64_t v = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = p[i] ^ inv;

        if (i == 0)
            c &= 0x7f;
        if (v >> 56)
            return -1;
        v = v << 8 | c;
    }
    if (v >> 63)
        return -1;
    *ret = inv ? ~(int64_t) v : (int64_t) v;
    return 0;
}

int
tar_number_parse(const unsigned char *p, size_t n, int64_t *ret)
{
    assert(n > 0);
    return p[0] & 0x80 ? base256_parse(p, n, ret) : octal_parse(p, n, ret);
}

int
tar_decimal_parse(const char *p, size_t n, int64_t *ret)
{
    bool negative = n && p[0] == '-';
    int64_t v = 0;

    if (n && (p[0] == '-' || p[0] == '+')) {
        p++;
        n--;
    }
    if (!n)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_sub_overflow(v, p[i] - '0', &v))
            return -1;
    }
    /* Collected as a negative number, whose range is one larger. */
    if (!negative && __builtin_sub_overflow(0, v, &v))
        return -1;
    *ret = v;
    return 0;
}

int
tar_time_parse(const char *p, size_t n, struct tar_time *ret)
{
    const char *dot = memchr(p, '.', n);
    size_t whole = dot ? (size_t) (dot - p) : n;
    int32_t nsec = 0;
    int64_t sec;

    if (tar_decimal_parse(p, whole, &sec) < 0)
        return -1;
    for (size_t i = whole + 1, digits = 0; i < n || (dot && digits < NSEC_DIGITS); i++, digits++) {
        if (i < n && (p[i] < '0' || p[i] > '9'))
            return -1;
        if (digits < NSEC_DIGITS)
            nsec = nsec * 10 + (i < n ? p[i] - '0' : 0);
    }
    *ret = (struct tar_time){.sec = sec, .nsec = p[0] == '-' ? -nsec : nsec};
    return 0;
}

bool
tar_block_is_zero(const unsigned char block[static TAR_BLOCK])
{
    static const unsigned char zero[TAR_BLOCK];

    return memcmp(block, zero, TAR_BLOCK) == 0;
}

/* The sum over the header with its own field taken as blanks; Sun's tar summed signed bytes. */
static bool
checksum_fits(const unsigned char *block)
{
    int64_t want, plain = 0, with_sign = 0;

    if (tar_number_parse(block + 148, 8, &want) < 0 || block[148] & 0x80)
        return false;
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        unsigned char c = i >= 148 && i < 156 ? ' ' : block[i];

        plain += c;
        with_sign += (signed char) c;
    }
    return want == plain || want == with_sign;
}

static enum tar_format
format_of(const unsigned char *block)
{
    if (memcmp(block + 257, "ustar\0", 6) == 0)
        return memcmp(block + 508, "tar\0", 4) == 0 ? TAR_FORMAT_STAR : TAR_FORMAT_USTAR;
    if (memcmp(block + 257, "ustar  \0", 8) == 0)
        return TAR_FORMAT_GNU;
    return TAR_FORMAT_V7;
}

static bool
is_ascii(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] >= 0x80)
            return false;
    }
    return true;
}

/*
 * GNU has no prefix, but Go before 1.8 wrote one over its times. When those make no sense and the bytes are text, they
 * are that prefix.
 */
static size_t
gnu_prefix(const unsigned char *block, struct tar_header *h)
{
    int64_t ctime_sec;
    size_t n;
    int bad = 0;

    if (block[345]) {
        bad |= tar_number_parse(block + 345, 12, &h->atime_sec);
        h->has_atime = true;
    }
    if (block[357])
        bad |= tar_number_parse(block + 357, 12, &ctime_sec);
    if (!bad)
        return 0;
    h->has_atime = false;
    n = strnlen((const char *) block + 345, 155);
    return is_ascii(block + 345, n) ? n : 0;
}

static int
extras_parse(const unsigned char *block, struct tar_header *h, size_t *ret_prefix)
{
    int64_t ctime_sec;
    int bad = 0;

    bad |= tar_number_parse(block + 329, 8, &h->dev_major);
    bad |= tar_number_parse(block + 337, 8, &h->dev_minor);
    switch (h->format) {
    case TAR_FORMAT_V7:
        assert(0);
        break;
    case TAR_FORMAT_USTAR:
        *ret_prefix = strnlen((const char *) block + 345, 155);
        break;
    case TAR_FORMAT_STAR:
        *ret_prefix = strnlen((const char *) block + 345, 131);
        bad |= tar_number_parse(block + 476, 12, &h->atime_sec);
        bad |= tar_number_parse(block + 488, 12, &ctime_sec);
        h->has_atime = true;
        break;
    case TAR_FORMAT_GNU:
        *ret_prefix = gnu_prefix(block, h);
        break;
    }
    return bad;
}

int
tar_header_parse(const unsigned char block[static TAR_BLOCK], struct tar_header *ret)
{
    size_t prefix = 0, len;
    int bad = 0;

    if (!checksum_fits(block))
        return -1;
    memset(ret, 0, sizeof *ret);
    ret->format = format_of(block);
    ret->type = (char) block[156];
    bad |= tar_number_parse(block + 100, 8, &ret->mode);
    bad |= tar_number_parse(block + 108, 8, &ret->uid);
    bad |= tar_number_parse(block + 116, 8, &ret->gid);
    bad |= tar_number_parse(block + 124, 12, &ret->size);
    bad |= tar_number_parse(block + 136, 12, &ret->mtime_sec);
    if (ret->format != TAR_FORMAT_V7)
        bad |= extras_parse(block, ret, &prefix);
    if (bad)
        return -1;

    if (prefix) {
        memcpy(ret->name, block + 345, prefix);
        ret->name[prefix++] = '/';
    }
    len = strnlen((const char *) block, 100);
    memcpy(ret->name + prefix, block, len);
    ret->name[prefix + len] = '\0';
    len = strnlen((const char *) block + 157, 100);
    memcpy(ret->link, block + 157, len);
    ret->link[len] = '\0';
    return 0;
}
