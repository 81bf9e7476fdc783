/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time as int64_t nanoseconds. */
#include "clock.h"

#include <assert.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t
clock_read(clockid_t id)
{
    struct timespec ts;
    int r;

    r = clock_gettime(id, &ts);
    assert(r == 0);
    (void) r;
    return (int64_t) ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t
clock_now_ns(void)
{
    return clock_read(CLOCK_REALTIME);
}

int64_t
clock_mono_ns(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

char *
clock_format(int64_t time_ns, char buf[static CLOCK_STR_MAX])
{
    int64_t s = time_ns / NS_PER_S, frac = time_ns % NS_PER_S;
    time_t t;
    struct tm tm;
    char *p;

    if (frac < 0) {
        s--;
        frac += NS_PER_S;
    }
    t = (time_t) s;
    if (!gmtime_r(&t, &tm))
        memset(&tm, 0, sizeof tm);
    p = buf + strftime(buf, CLOCK_STR_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    if (frac) {
        p += snprintf(p, CLOCK_STR_MAX - (size_t) (p - buf), ".%09d", (int) frac);
        while (p[-1] == '0')
            p--;
    }
    *p++ = 'Z';
    *p = '\0';
    return buf;
}

/* Exactly n digits at *p. Negative when there are fewer. */
static int
digits(const char **p, int n)
{
    int v = 0;

    for (; n; n--, (*p)++) {
        if (!isdigit((unsigned char) **p))
            return -1;
        v = v * 10 + (**p - '0');
    }
    return v;
}

/* Nanoseconds of a ".123" at *p, 0 when there is none; digits beyond the ninth are dropped. */
static int64_t
fraction(const char **p)
{
    int64_t ns = 0, unit = NS_PER_S / 10;

    if (**p != '.')
        return 0;
    if (!isdigit((unsigned char) *++*p))
        return -1;
    for (; isdigit((unsigned char) **p); (*p)++, unit /= 10)
        ns += unit * (**p - '0');
    return ns;
}

/* Seconds east of UTC; INT32_MIN when it is no zone. */
static int32_t
zone(const char **p)
{
    int sign, h, m;

    if (**p == 'Z' || **p == 'z') {
        (*p)++;
        return 0;
    }
    if (**p != '+' && **p != '-')
        return INT32_MIN;
    sign = *(*p)++ == '-' ? -1 : 1;
    h = digits(p, 2);
    if (h < 0 || h > 23 || *(*p)++ != ':')
        return INT32_MIN;
    m = digits(p, 2);
    if (m < 0 || m > 59)
        return INT32_MIN;
    return sign * (h * 3600 + m * 60);
}

/* timegm() would make March of the 30th of February. */
static bool
is_day(const struct tm *tm)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = tm->tm_year + 1900, last = days[tm->tm_mon];

    if (tm->tm_mon == 1 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
        last++;
    return tm->tm_mday >= 1 && tm->tm_mday <= last;
}

int
clock_parse(const char *s, int64_t *ret_time_ns, struct err *err)
{
    struct tm tm = {0};
    const char *p = s;
    int64_t frac, secs, ns;
    int32_t east;

    tm.tm_year = digits(&p, 4) - 1900;
    if (*p++ != '-')
        goto bad;
    tm.tm_mon = digits(&p, 2) - 1;
    if (*p++ != '-')
        goto bad;
    tm.tm_mday = digits(&p, 2);
    if (*p != 'T' && *p != 't' && *p != ' ')
        goto bad;
    p++;
    tm.tm_hour = digits(&p, 2);
    if (*p++ != ':')
        goto bad;
    tm.tm_min = digits(&p, 2);
    if (*p++ != ':')
        goto bad;
    tm.tm_sec = digits(&p, 2);
    if (tm.tm_year < -1900 || tm.tm_mon < 0 || tm.tm_mon > 11 || !is_day(&tm) || tm.tm_hour < 0 ||
        tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60)
        goto bad;
    frac = fraction(&p);
    east = zone(&p);
    if (frac < 0 || east == INT32_MIN || *p)
        goto bad;
    secs = (int64_t) timegm(&tm) - east;
    if (__builtin_mul_overflow(secs, NS_PER_S, &ns) || __builtin_add_overflow(ns, frac, &ns))
        goto bad;
    *ret_time_ns = ns;
    return 0;
bad:
    return err_set(err, CODE_INVALID_ARGUMENT, "'%.64s' is not an RFC 3339 time", s);
}
