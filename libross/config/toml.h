/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TOML 1.0 (toml.io/en/v1.0.0) read into a tree: settings files, hosts.toml,
 * runtime options. Bounded in size, depth and number of values; a mistake is
 * one sentence with its line. Strings must not hold NUL, else all of TOML 1.0.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libross/base/err.h"
#include "libross/base/mem.h"

#define TOML_SIZE_MAX  (1024 * 1024)
#define TOML_DEPTH_MAX 64
#define TOML_ITEMS_MAX 8192 /* of one table or array */

/* A value of the tree: borrowed from the root, which is always a table. */
struct toml;

enum toml_type {
    TOML_STR,
    TOML_INT,
    TOML_FLOAT,
    TOML_BOOL,
    TOML_DATE, /* any of the four date and time types, kept as its text */
    TOML_ARRAY,
    TOML_TABLE,
};

/* n bytes, NUL not needed. InvalidArgument "line N: …". The root is the caller's to free. */
int toml_parse(const void *p, size_t n, struct toml **ret, struct err *err);
void toml_free(struct toml *root); /* NULL is fine */
DEFINE_AUTO_PTR(toml)

enum toml_type toml_type(const struct toml *v);
const char *toml_type_name(enum toml_type type); /* "a string", "a table" … */
int toml_line(const struct toml *v);             /* where it began, 1-based */

/* Missing, or `table` is NULL or no table: NULL. */
const struct toml *toml_find(const struct toml *table, const char *key);
/* toml_find along `n` keys. */
const struct toml *toml_find_path(const struct toml *table, const char *const *keys, size_t n);
/* Items of an array or table in the order of the file; 0 and NULL for anything else. */
size_t toml_len(const struct toml *v);
const struct toml *toml_at(const struct toml *v, size_t i);
const char *toml_key(const struct toml *item); /* of an item of a table; NULL for items of
                                      arrays and the root */

/* All accept NULL. */
const char *toml_str(const struct toml *v);  /* NULL when it is no string */
const char *toml_date(const struct toml *v); /* NULL when it is no date */
bool toml_int(const struct toml *v, int64_t *ret);
bool toml_float(const struct toml *v, double *ret); /* integers count */
bool toml_bool(const struct toml *v, bool *ret);
