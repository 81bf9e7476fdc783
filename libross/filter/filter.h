/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd's filter expressions (reference 8.4), which every List method takes.
 *
 * Regular expressions (~=) are RE2's in containerd and PCRE2's here, run by its matcher that never backtracks, so
 * that no expression can burn more than length times states. What RE2 does not have (back references, look-around,
 * possessive and atomic groups, \h \R \X \K …) is refused, which means "matches nothing", as there. What still
 * differs: an expression that needs more than about 500 states at once matches nothing; \s takes a vertical tab
 * too.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "libross/base/err.h"
#include "libross/base/strv.h"

#define FILTER_SIZE_MAX  (64 * 1024) /* bytes of one expression */
#define FILTERS_MAX      1024        /* expressions of one request */
#define FILTER_REGEX_MAX 4096 /* bytes of one regular expression; a longer one matches nothing */

/* Belongs to one thread at a time. */
struct filter;

/* A field path: labels.a.b is parts {labels, a, b}, rest "a.b". */
struct filter_path {
    const char *const *parts;
    size_t n;         /* at least 1 */
    const char *rest; /* parts[1…] joined with dots, "" when n is 1: the key of labels.KEY */
};

/* The object's value at the path, NULL when it has none (unknown paths included). Borrowed for the match. */
typedef const char *(*filter_field_fn)(const void *object, const struct filter_path *path);

/* Matches when one of the expressions does; no expression, or an empty one, matches all. InvalidArgument. */
int filter_parse_all(const struct strv *expressions, struct filter **ret, struct err *err);
bool filter_match(const struct filter *f, filter_field_fn field, const void *object);
/* True when it matches whatever the object is: a list needs not look. */
bool filter_is_all(const struct filter *f);
void filter_free(struct filter *f); /* NULL is fine */
DEFINE_AUTO_PTR(filter)

/*
 * The value that the filter demands of a field ("parent==p", "parent==p,kind==active"), so that a store can look
 * it up instead of walking; NULL when it demands none. Only a single expression is understood.
 */
const char *filter_equals(const struct filter *f, const char *field);
