/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that grow up to a maximum that the buffer knows. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "err.h"
#include "mem.h"

/*
 * BUF_INIT(max) on the stack, buf_done() (or AUTO(buf)) at the end. `data` is NULL while empty, else
 * always followed by a NUL that `len` does not count.
 */
struct buf {
    char *data;
    size_t len, cap;
    size_t max_bytes; /* len never exceeds it */
};

#define BUF_INIT(max)                                                                              \
    {                                                                                              \
        .max_bytes = (max)                                                                         \
    }

/* All appending functions: 0, or ResourceExhausted when the maximum or the memory is reached (buffer unchanged). */
int buf_append(struct buf *b, const void *p, size_t n, struct err *err);
int buf_append_str(struct buf *b, const char *s, struct err *err);
int buf_printf(struct buf *b, struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Room for n more bytes at data + len; the caller writes them, then adds to len with buf_added(). */
int buf_reserve(struct buf *b, size_t n, struct err *err);
void buf_added(struct buf *b, size_t n);
/* Drops n bytes from the front. */
void buf_consume(struct buf *b, size_t n);
/* Empty again, memory kept. */
void buf_clear(struct buf *b);
/* The content as a malloc'ed string ("" when empty); the buffer is empty afterwards. */
char *buf_take(struct buf *b);
void buf_done(struct buf *b);
