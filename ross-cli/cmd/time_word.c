/* SPDX-License-Identifier: Apache-2.0 */
/* Moments as people write them. */
#include "time_word.h"

#include <string.h>
#include <time.h>

#include "libross/base/clock.h"
#include "libross/base/mem.h"
#include "libross/base/parse.h"

/* In our own zone. */
static bool
local_parse(const char *text, int64_t *ret_ns)
{
    static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M",
                                        "%Y-%m-%d"};
    int64_t seconds;

    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct tm tm = {.tm_isdst = -1};
        const char *end = strptime(text, forms[i], &tm);

        if (!end || *end)
            continue;
        seconds = mktime(&tm);
        return !__builtin_mul_overflow(seconds, NS_PER_S, ret_ns);
    }
    return false;
}

/* "1700000000", "1700000000.25" */
static bool
seconds_parse(const char *text, int64_t *ret_ns)
{
    size_t whole = strspn(text, "0123456789");
    const char *dot = text + whole;
    int64_t unit = NS_PER_S, n, ns;
    auto_free char *digits = xstrndup(text, whole);

    if (!whole || parse_i64(digits, &n, NULL) < 0 || n == 0 ||
        __builtin_mul_overflow(n, NS_PER_S, &ns))
        return false;
    if (*dot == '.')
        for (dot++; *dot >= '0' && *dot <= '9'; dot++) {
            unit /= 10;
            if (__builtin_add_overflow(ns, (*dot - '0') * unit, &ns))
                return false;
        }
    *ret_ns = ns;
    return !*dot;
}

int
time_word_parse(const char *option, const char *text, int64_t *ret_ns, struct err *err)
{
    int64_t ago_ns;

    if (clock_parse(text, ret_ns, NULL) == 0 || seconds_parse(text, ret_ns) ||
        local_parse(text, ret_ns))
        return 0;
    if (parse_duration(text, &ago_ns, NULL) == 0) {
        *ret_ns = clock_now_ns() - ago_ns;
        return 0;
    }
    return err_set(err, CODE_INVALID_ARGUMENT,
                   "%s '%.64s' is no time, use 2006-01-02T15:04:05Z, 2006-01-02, seconds since "
                   "1970, or 10m for ten minutes ago",
                   option, text);
}
