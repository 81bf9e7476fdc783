/* SPDX-License-Identifier: Apache-2.0 */
/* Strict numbers from text. */
#include "parse.h"

#include <string.h>
#include <strings.h>

#include "clock.h"
#include "mem.h"

#define FRACTION_DIGITS_MAX 9

/* Digits at *p, at least one; false without one or on overflow. */
static bool
digits(const char **p, uint64_t *ret)
{
    uint64_t v = 0;
    const char *s = *p;

    if (*s < '0' || *s > '9')
        return false;
    for (; *s >= '0' && *s <= '9'; s++)
        if (__builtin_mul_overflow(v, UINT64_C(10), &v) ||
            __builtin_add_overflow(v, (uint64_t) (*s - '0'), &v))
            return false;
    *p = s;
    *ret = v;
    return true;
}

/* A decimal as whole + frac / scale. */
struct decimal {
    uint64_t whole, frac, scale;
};

static bool
decimal(const char **p, struct decimal *ret)
{
    struct decimal d = {.scale = 1};
    const char *start;

    if (!digits(p, &d.whole))
        return false;
    if (**p == '.') {
        start = ++*p;
        if (!digits(p, &d.frac) || *p - start > FRACTION_DIGITS_MAX)
            return false;
        for (; start < *p; start++)
            d.scale *= 10;
    }
    *ret = d;
    return true;
}

/* d * unit, rounded down; false beyond INT64_MAX. */
static bool
scaled(const struct decimal *d, int64_t unit, int64_t *ret)
{
    __extension__ unsigned __int128 v = (unsigned __int128) d->whole * (uint64_t) unit +
                                        (unsigned __int128) d->frac * (uint64_t) unit / d->scale;

    if (v > INT64_MAX)
        return false;
    *ret = (int64_t) v;
    return true;
}

int
parse_u64(const char *s, uint64_t *ret, struct err *err)
{
    const char *p = s;
    uint64_t v;

    if (!digits(&p, &v) || *p)
        return err_set(err, CODE_INVALID_ARGUMENT, "'%.64s' is not a whole number in range", s);
    *ret = v;
    return 0;
}

int
parse_i64(const char *s, int64_t *ret, struct err *err)
{
    bool negative = *s == '-';
    const char *p = s + negative;
    uint64_t v;

    if (!digits(&p, &v) || *p || v > (uint64_t) INT64_MAX + negative)
        return err_set(err, CODE_INVALID_ARGUMENT, "'%.64s' is not a whole number in range", s);
    *ret = negative ? (int64_t) (0 - v) : (int64_t) v;
    return 0;
}

int
parse_u32(const char *s, uint32_t *ret, struct err *err)
{
    uint64_t v;
    int r;

    r = parse_u64(s, &v, err);
    if (r < 0)
        return r;
    if (v > UINT32_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "'%.64s' is not a whole number in range", s);
    *ret = (uint32_t) v;
    return 0;
}

int
parse_size(const char *s, int64_t *ret_bytes, struct err *err)
{
    static const char letters[] = "kmgtpe";
    const char *p = s, *letter;
    int64_t unit = 1, bytes;
    struct decimal d;

    if (!decimal(&p, &d))
        goto bad;
    letter = *p ? strchr(letters, *p | 0x20) : NULL;
    if (letter) {
        unit = INT64_C(1) << (10 * (letter - letters + 1));
        p++;
    } else if (d.scale != 1)
        goto bad; /* half a byte */
    if (letter && strcasecmp(p, "ib") == 0)
        p += 2;
    else if (strcasecmp(p, "b") == 0)
        p++;
    if (*p || !scaled(&d, unit, &bytes))
        goto bad;
    *ret_bytes = bytes;
    return 0;
bad:
    return err_set(err, CODE_INVALID_ARGUMENT, "'%.64s' is not a size such as 64k, 10m or 1.5g", s);
}

static const struct {
    const char *name;
    int64_t ns;
} time_units[] = {
    {"ns", 1},       {"us", NS_PER_US},    {"ms", NS_PER_MS},
    {"s", NS_PER_S}, {"m", 60 * NS_PER_S}, {"h", 3600 * NS_PER_S},
};

/* The unit that starts at *p and runs up to the next digit or the end; 0 when there is none of that name. */
static int64_t
time_unit(const char **p)
{
    size_t len = strcspn(*p, "0123456789.");

    for (size_t i = 0; i < ARRAY_LEN(time_units); i++)
        if (strlen(time_units[i].name) == len && memcmp(time_units[i].name, *p, len) == 0) {
            *p += len;
            return time_units[i].ns;
        }
    return 0;
}

int
parse_duration(const char *s, int64_t *ret_ns, struct err *err)
{
    int64_t sum = 0, unit, part;
    const char *p = s;
    struct decimal d;

    do {
        if (!decimal(&p, &d))
            goto bad;
        if (*p)
            unit = time_unit(&p);
        else /* no unit: seconds, when it is all there is */
            unit = sum == 0 && s[strspn(s, "0123456789")] == '\0' ? NS_PER_S : 0;
        if (!unit || !scaled(&d, unit, &part) || __builtin_add_overflow(sum, part, &sum))
            goto bad;
    } while (*p);
    *ret_ns = sum;
    return 0;
bad:
    return err_set(err, CODE_INVALID_ARGUMENT,
                   "'%.64s' is not a duration such as 10s, 1m30s or 250ms", s);
}

int
parse_bool(const char *s, bool *ret, struct err *err)
{
    static const char *const words[2][4] = {{"false", "0", "no", "off"},
                                            {"true", "1", "yes", "on"}};

    for (int v = 0; v < 2; v++)
        for (size_t i = 0; i < ARRAY_LEN(words[v]); i++)
            if (strcmp(s, words[v][i]) == 0) {
                *ret = v;
                return 0;
            }
    return err_set(err, CODE_INVALID_ARGUMENT, "'%.64s' is neither true nor false", s);
}
