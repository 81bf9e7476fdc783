/* SPDX-License-Identifier: Apache-2.0 */
/* Lists as a table for people or as JSON for programs, from the same rows. */
#pragma once

#include <stdio.h>

#include "libross/json/json.h"

struct listing_column {
    const char *header;
    const char *key; /* in the row's object */
    /* The cell's text from the value (NULL when absent), malloc'ed; NULL = strings as they are, numbers in digits */
    char *(*show)(const struct json *value);
};

/*
 * rows   array of objects; borrowed
 * format NULL or "table"; "json": the array; "jsonl": one object a line; a text with {{.key}} in it: that line for
 * each row; "table " and such a text: a table whose columns are between its tabs. InvalidArgument for another format.
 */
int listing_print(FILE *to, const struct listing_column *columns, size_t n, const struct json *rows,
                  const char *format, struct err *err);

/* Cells that several lists share. */
char *listing_show_size(const struct json *bytes);  /* 12.3MB */
char *listing_show_age(const struct json *rfc3339); /* 3 minutes ago */
char *listing_show_short_id(const struct json *id); /* 12 characters, "sha256:" cut off */

/* "12.3MB": powers of 1000, as docker prints sizes; malloc'ed. */
char *size_format(int64_t bytes);
/* "3 minutes", "2 days"; malloc'ed. */
char *duration_format(int64_t ns);
