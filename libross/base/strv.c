/* SPDX-License-Identifier: Apache-2.0 */
/* A list of strings. */
#include "strv.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
strv_take(struct strv *v, char *s)
{
    /* grow at powers of two: the capacity follows from n */
    if ((v->n & (v->n + 1)) == 0 || !v->items)
        v->items = xreallocarray(v->items, 2 * (v->n + 1), sizeof *v->items);
    v->items[v->n++] = s;
    v->items[v->n] = NULL;
}

void
strv_add(struct strv *v, const char *s)
{
    strv_take(v, xstrdup(s));
}

void
strv_add_n(struct strv *v, const char *s, size_t n)
{
    strv_take(v, xstrndup(s, n));
}

void
strv_printf(struct strv *v, const char *fmt, ...)
{
    va_list ap;
    char *s;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&s, fmt, ap);
    va_end(ap);
    if (n < 0)
        abort();
    strv_take(v, s);
}

void
strv_add_all(struct strv *v, const struct strv *more)
{
    for (size_t i = 0; i < more->n; i++)
        strv_add(v, more->items[i]);
}

struct strv
strv_clone(const struct strv *v)
{
    struct strv copy = {0};

    strv_add_all(&copy, v);
    return copy;
}

bool
strv_has(const struct strv *v, const char *s)
{
    for (size_t i = 0; i < v->n; i++)
        if (strcmp(v->items[i], s) == 0)
            return true;
    return false;
}

bool
strv_equal(const struct strv *a, const struct strv *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return true;
}

char *
strv_join(const struct strv *v, const char *sep)
{
    size_t len = 1, sep_len = strlen(sep);
    char *joined, *p;

    for (size_t i = 0; i < v->n; i++)
        len += strlen(v->items[i]) + sep_len;
    p = joined = xmalloc(len);
    for (size_t i = 0; i < v->n; i++) {
        if (i)
            p = mempcpy(p, sep, sep_len);
        p = stpcpy(p, v->items[i]);
    }
    *p = '\0';
    return joined;
}

struct strv
strv_split(const char *s, char sep)
{
    struct strv v = {0};
    const char *end;

    for (;; s = end + 1) {
        end = strchrnul(s, sep);
        strv_add_n(&v, s, (size_t) (end - s));
        if (!*end)
            return v;
    }
}

void
strv_remove(struct strv *v, size_t i)
{
    assert(i < v->n);
    free(v->items[i]);
    memmove(v->items + i, v->items + i + 1, (v->n - i) * sizeof *v->items);
    v->n--;
    /* keep the "capacity follows from n" rule of strv_take() */
    v->items = xreallocarray(v->items, 2 * (v->n + 1), sizeof *v->items);
}

static int
by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

void
strv_sort(struct strv *v)
{
    if (v->n)
        qsort(v->items, v->n, sizeof *v->items, by_bytes);
}

void
strv_done(struct strv *v)
{
    for (size_t i = 0; i < v->n; i++)
        free(v->items[i]);
    free(v->items);
    *v = (struct strv){0};
}
