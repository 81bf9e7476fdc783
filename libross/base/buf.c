/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that grow up to a maximum that the buffer knows. */
#include "buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem_try.h"

#define BUF_CAP_MIN 64

int
buf_reserve(struct buf *b, size_t n, struct err *err)
{
    size_t need, cap;
    char *data;

    assert(b->max_bytes > 0);
    if (n > b->max_bytes - b->len)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "more than %zu bytes", b->max_bytes);
    need = b->len + n + 1;
    if (need <= b->cap)
        return 0;
    cap = b->cap ? b->cap : BUF_CAP_MIN;
    while (cap < need)
        cap *= 2;
    if (cap > b->max_bytes + 1)
        cap = b->max_bytes + 1;
    data = mem_try_realloc(b->data, cap);
    if (!data)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "no memory for %zu bytes", cap);
    if (!b->data)
        data[0] = '\0';
    b->data = data;
    b->cap = cap;
    return 0;
}

void
buf_added(struct buf *b, size_t n)
{
    assert(b->len + n < b->cap);
    b->len += n;
    b->data[b->len] = '\0';
}

int
buf_append(struct buf *b, const void *p, size_t n, struct err *err)
{
    int r;

    r = buf_reserve(b, n, err);
    if (r < 0)
        return r;
    if (n)
        memcpy(b->data + b->len, p, n);
    buf_added(b, n);
    return 0;
}

int
buf_append_str(struct buf *b, const char *s, struct err *err)
{
    return buf_append(b, s, strlen(s), err);
}

int
buf_printf(struct buf *b, struct err *err, const char *fmt, ...)
{
    va_list ap, again;
    int n, r;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    r = buf_reserve(b, (size_t) n, err);
    if (r == 0) {
        (void) vsnprintf(b->data + b->len, (size_t) n + 1, fmt, again);
        buf_added(b, (size_t) n);
    }
    va_end(again);
    return r;
}

void
buf_consume(struct buf *b, size_t n)
{
    assert(n <= b->len);
    if (!n)
        return;
    b->len -= n;
    memmove(b->data, b->data + n, b->len + 1);
}

void
buf_clear(struct buf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = '\0';
}

char *
buf_take(struct buf *b)
{
    char *data = b->data ? b->data : xstrdup("");

    b->data = NULL;
    b->len = b->cap = 0;
    return data;
}

void
buf_done(struct buf *b)
{
    free(b->data);
    b->data = NULL;
    b->len = b->cap = 0;
}
