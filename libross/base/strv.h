/* SPDX-License-Identifier: Apache-2.0 */
/* A list of strings. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "mem.h"

/* Zero-initialised is empty. items[n] is NULL whenever items is not NULL, so it can serve as argv. */
struct strv {
    char **items;
    size_t n;
};

void strv_add(struct strv *v, const char *s);             /* copies */
void strv_add_n(struct strv *v, const char *s, size_t n); /* copies at most n bytes */
void strv_take(struct strv *v, char *s);                  /* takes ownership of s */
void strv_printf(struct strv *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strv_add_all(struct strv *v, const struct strv *more);
struct strv strv_clone(const struct strv *v);
bool strv_has(const struct strv *v, const char *s);
bool strv_equal(const struct strv *a, const struct strv *b);
/* The items with sep between them; malloc'ed, "" when empty. */
char *strv_join(const struct strv *v, const char *sep);
/* Splits at each sep byte; empty pieces are kept ("a,,b" gives three). */
struct strv strv_split(const char *s, char sep);
void strv_remove(struct strv *v, size_t i); /* order kept */
void strv_sort(struct strv *v);             /* by bytes */
void strv_done(struct strv *v);
