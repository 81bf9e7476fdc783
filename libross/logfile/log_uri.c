/* SPDX-License-Identifier: Apache-2.0 */
/* Takes stdio URIs apart. */
#include "libross/logfile/log_uri.h"

#include <string.h>

static const struct {
    const char *name;
    enum log_scheme scheme;
} schemes[] = {
    {"fifo", LOG_PATH},          {"file", LOG_FILE},     {"binary", LOG_BINARY},
    {"binary-v2", LOG_BINARY_2}, {"ross-log", LOG_ROSS},
};

void
log_uri_done(struct log_uri *u)
{
    free(u->path);
    strv_done(&u->query);
    *u = (struct log_uri){0};
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Percent-decodes n bytes; "+" is a space in queries only. NULL when malformed or with a NUL inside. */
static char *
decode(const char *s, size_t n, bool query)
{
    char *out = xmalloc(n + 1), *p = out;

    for (size_t i = 0; i < n; i++) {
        if (s[i] == '%') {
            int hi = n - i > 2 ? hex_value(s[i + 1]) : -1;
            int lo = hi >= 0 ? hex_value(s[i + 2]) : -1;

            if (lo < 0 || (hi == 0 && lo == 0)) {
                free(out);
                return NULL;
            }
            *p++ = (char) (hi * 16 + lo);
            i += 2;
        } else {
            *p++ = query && s[i] == '+' ? ' ' : s[i];
        }
    }
    *p = '\0';
    return out;
}

static bool
query_add(struct log_uri *u, const char *pair, size_t n)
{
    const char *eq = memchr(pair, '=', n);
    size_t key_len = eq ? (size_t) (eq - pair) : n;
    char *key = decode(pair, key_len, true);
    char *value = eq ? decode(eq + 1, n - key_len - 1, true) : xstrdup("");

    if (!key || !value) {
        free(key);
        free(value);
        return false;
    }
    strv_take(&u->query, key);
    strv_take(&u->query, value);
    return true;
}

static bool
query_split(struct log_uri *u, const char *q)
{
    while (*q) {
        size_t n = strcspn(q, "&");

        if (n && !query_add(u, q, n))
            return false;
        q += n + (q[n] == '&');
    }
    return true;
}

static int
rest_parse(const char *shown, const char *rest, struct log_uri *u, struct err *err)
{
    size_t n = strcspn(rest, "?#");

    u->path = decode(rest, n, false);
    if (!u->path || (rest[n] == '?' && !query_split(u, rest + n + 1)))
        return err_set(err, CODE_INVALID_ARGUMENT, "'%.200s' is no well-formed URI", shown);
    if (u->path[0] != '/')
        return err_set(err, CODE_INVALID_ARGUMENT, "'%.200s' has no absolute path", shown);
    return 0;
}

int
log_uri_parse(const char *s, struct log_uri *ret, struct err *err)
{
    __attribute__((cleanup(log_uri_done))) struct log_uri u = {0};
    const char *sep = strstr(s, "://");
    size_t n = sep ? (size_t) (sep - s) : 0;
    int r;

    if (strlen(s) > LOG_URI_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "a stdio name is longer than %d bytes",
                       LOG_URI_MAX);
    if (!sep || s[0] == '/') {
        u.scheme = s[0] ? LOG_PATH : LOG_NULL;
        u.path = xstrdup(s);
        *ret = TAKE_STRUCT(u);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (strlen(schemes[i].name) != n || memcmp(schemes[i].name, s, n) != 0)
            continue;
        u.scheme = schemes[i].scheme;
        r = rest_parse(s, sep + 3, &u, err);
        if (r < 0)
            return r;
        *ret = TAKE_STRUCT(u);
        return 0;
    }
    return err_set(err, CODE_UNKNOWN, "unknown STDIO scheme %.*s", n > 64 ? 64 : (int) n, s);
}

const char *
log_uri_find(const struct log_uri *u, const char *key)
{
    for (size_t i = 0; i + 1 < u->query.n; i += 2)
        if (strcmp(u->query.items[i], key) == 0)
            return u->query.items[i + 1];
    return NULL;
}
