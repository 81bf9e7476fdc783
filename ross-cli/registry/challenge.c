/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/registry/challenge.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "libross/base/mem.h"

void
challenge_done(struct challenge *c)
{
    free(c->realm);
    free(c->service);
    free(c->scope);
    free(c->error);
    *c = (struct challenge){0};
}

static bool
is_token_char(char ch)
{
    return isalnum((unsigned char) ch) || (ch && strchr("!#$%&'*+-.^_`|~", ch));
}

static const char *
skip_space(const char *p)
{
    return p + strspn(p, " \t");
}

static const char *
skip_separators(const char *p)
{
    return p + strspn(p, " \t,");
}

static size_t
token_len(const char *p)
{
    size_t n = 0;

    while (is_token_char(p[n]))
        n++;
    return n;
}

/* The value after "=": a token or a quoted string. NULL when it is neither. */
static const char *
value_parse(const char *p, char **ret)
{
    if (*p != '"') {
        size_t n = 0;
        /* Lenient: some servers leave URLs unquoted. */
        while (p[n] && !strchr(" \t,\"", p[n]))
            n++;
        *ret = n ? xstrndup(p, n) : NULL;
        return n ? p + n : NULL;
    }
    char *out = xmalloc(strlen(p)), *q = out;
    for (p++; *p && *p != '"'; p++) {
        if (*p == '\\' && p[1])
            p++;
        *q++ = *p;
    }
    *q = '\0';
    if (*p != '"') {
        free(out);
        return NULL;
    }
    *ret = out;
    return p + 1;
}

static void
param_keep(struct challenge *c, const char *name, size_t n, char *value)
{
    const struct {
        const char *name;
        char **into;
    } known[] = {
        {"realm", &c->realm}, {"service", &c->service}, {"scope", &c->scope}, {"error", &c->error}};

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strlen(known[i].name) == n && strncasecmp(known[i].name, name, n) == 0 &&
            !*known[i].into) {
            *known[i].into = value;
            return;
        }
    free(value);
}

/* "Negotiate dG9rZW4=": the credentials form; the bytes after it, or p itself when this is none. */
static const char *
token68_skip(const char *p)
{
    size_t n = strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/");
    const char *end = p + n;

    end += strspn(end, "=");
    end = skip_space(end);
    return n && (*end == ',' || *end == '\0') ? end : p;
}

/* The parameters of one challenge, up to the next scheme or the end. NULL when they are malformed. */
static const char *
params_parse(const char *p, struct challenge *c)
{
    for (p = skip_separators(token68_skip(skip_space(p))); *p; p = skip_separators(p)) {
        size_t n = token_len(p);
        const char *eq = skip_space(p + n), *name = p;
        char *value = NULL;

        if (n == 0)
            return NULL;
        if (*eq != '=')
            return p; /* the next scheme */
        p = value_parse(skip_space(eq + 1), &value);
        if (!p)
            return NULL;
        param_keep(c, name, n, value);
    }
    return p;
}

static enum challenge_scheme
scheme_find(const char *p, size_t n)
{
    if (n == 6 && strncasecmp(p, "Bearer", n) == 0)
        return CHALLENGE_BEARER;
    if (n == 5 && strncasecmp(p, "Basic", n) == 0)
        return CHALLENGE_BASIC;
    return CHALLENGE_NONE;
}

int
challenge_parse(const char *value, struct challenge *ret, struct err *err)
{
    struct challenge best = {0};
    const char *p = value;

    if (strlen(value) > CHALLENGE_HEADER_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "WWW-Authenticate is longer than %d bytes",
                       CHALLENGE_HEADER_MAX);
    for (p = skip_separators(p); *p; p = skip_separators(p)) {
        size_t n = token_len(p);
        struct challenge c = {.scheme = scheme_find(p, n)};

        p = n ? params_parse(p + n, &c) : NULL;
        if (!p || (c.scheme == CHALLENGE_BEARER && !c.realm)) {
            challenge_done(&c);
            challenge_done(&best);
            return err_set(err, CODE_INVALID_ARGUMENT, "cannot understand WWW-Authenticate: %.200s",
                           value);
        }
        if (c.scheme > best.scheme) {
            challenge_done(&best);
            best = c;
        } else {
            challenge_done(&c);
        }
    }
    *ret = best;
    return 0;
}
