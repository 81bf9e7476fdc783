/* SPDX-License-Identifier: Apache-2.0 */
/* Words of a TOML document: numbers, dates and times. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "libross/config/toml_parts.h"

int
toml_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool
digits(const char **p, int n, int *ret)
{
    *ret = 0;
    for (; n > 0; n--, (*p)++) {
        if (**p < '0' || **p > '9')
            return false;
        *ret = *ret * 10 + (**p - '0');
    }
    return true;
}

static bool
is_date(const char **p)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int y, m, d;

    if (!digits(p, 4, &y) || *(*p)++ != '-' || !digits(p, 2, &m) || *(*p)++ != '-' ||
        !digits(p, 2, &d) || m < 1 || m > 12 || d < 1)
        return false;
    return d <= days[m - 1] || (m == 2 && d == 29 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0));
}

static bool
is_time(const char **p)
{
    int h, m, s;

    if (!digits(p, 2, &h) || *(*p)++ != ':' || !digits(p, 2, &m) || *(*p)++ != ':' ||
        !digits(p, 2, &s) || h > 23 || m > 59 || s > 60)
        return false;
    if (**p != '.')
        return true;
    if ((*p)[1] < '0' || (*p)[1] > '9')
        return false;
    for ((*p)++; **p >= '0' && **p <= '9';)
        (*p)++;
    return true;
}

static bool
is_offset(const char **p)
{
    int h, m;

    if (**p == 'Z' || **p == 'z') {
        (*p)++;
        return true;
    }
    if (**p != '+' && **p != '-')
        return false;
    (*p)++;
    return digits(p, 2, &h) && *(*p)++ == ':' && digits(p, 2, &m) && h < 24 && m < 60;
}

bool
toml_word_is_date(const char *word)
{
    const char *p = word;

    if (strlen(word) > 2 && word[2] == ':')
        return is_time(&p) && !*p;
    if (!is_date(&p))
        return false;
    if (!*p)
        return true;
    if (*p != 'T' && *p != 't' && *p != ' ')
        return false;
    p++;
    return is_time(&p) && (!*p || (is_offset(&p) && !*p));
}

bool
toml_word_strip(const char *word, bool hex, char *to)
{
    for (const char *p = word; *p; p++) {
        if (*p != '_') {
            *to++ = *p;
            continue;
        }
        if (p == word || toml_hex_digit(p[-1]) < 0 || toml_hex_digit(p[1]) < 0 ||
            (!hex && (toml_hex_digit(p[-1]) > 9 || toml_hex_digit(p[1]) > 9)))
            return false;
    }
    *to = '\0';
    return true;
}

bool
toml_word_is_int(const char *s, int64_t *ret)
{
    const char *p = s;
    int base = 10;
    char *end;

    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'o' || s[1] == 'b')) {
        base = s[1] == 'x' ? 16 : s[1] == 'o' ? 8 : 2;
        p = s += 2;
    } else if (*p == '+' || *p == '-') {
        p++;
    }
    if (toml_hex_digit(*p) < 0 || (base == 10 && p[0] == '0' && p[1]))
        return false;
    errno = 0;
    *ret = strtoll(s, &end, base);
    return !*end && errno == 0;
}

/* [+-] digits [. digits] [e [+-] digits], inf, nan; a point or an exponent is required. */
bool
toml_word_is_float(const char *s, double *ret)
{
    const char *p = s;
    size_t n;

    if (*p == '+' || *p == '-')
        p++;
    if (strcmp(p, "inf") == 0 || strcmp(p, "nan") == 0) {
        *ret = *p == 'n' ? (double) NAN : *s == '-' ? -(double) INFINITY : (double) INFINITY;
        return true;
    }
    n = strspn(p, "0123456789");
    if (n == 0 || (n > 1 && *p == '0') || !p[n])
        return false;
    p += n;
    if (*p == '.') {
        n = strspn(++p, "0123456789");
        if (n == 0)
            return false;
        p += n;
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        if (*p == '+' || *p == '-')
            p++;
        n = strspn(p, "0123456789");
        if (n == 0)
            return false;
        p += n;
    }
    if (*p)
        return false;
    *ret = strtod(s, NULL);
    return true;
}
