/* SPDX-License-Identifier: Apache-2.0 */
/* containerd's filter expressions (reference 8.4): parsed once, matched against any object. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "libross/base/err.h"
#include "libross/base/labels.h"
#include "libross/base/strv.h"

#define FILTER_SIZE_MAX (64 * 1024) /* bytes of one expression */
#define FILTERS_MAX     256         /* expressions in one request */

struct filter;

/* A field path: "labels.a.b" is parts {labels, a, b}, rest "a.b". */
struct filter_path {
    const char *const *parts;
    size_t n;         /* at least 1 */
    const char *rest; /* parts[1…] joined with dots, "" when n is 1 */
};

/* The object's value at the path, NULL when it has none (unknown paths included). Borrowed for the match. */
typedef const char *(*filter_field_fn)(const void *object, const struct filter_path *path);

/*
 * No expressions, or an empty one among them: everything matches. Several are alternatives.
 * InvalidArgument quoting the expression and what is wrong at which byte.
 */
int filter_parse_all(const struct strv *expressions, struct filter **ret, struct err *err);
bool filter_match(const struct filter *f, filter_field_fn field, const void *object);
void filter_free(struct filter *f); /* NULL is fine */
DEFINE_AUTO_PTR(filter)

/*
 * The value that the filter demands of a field in every alternative ("name==x" alone, or "parent==p,kind==active"), so
 * that a store can look it up instead of walking; NULL when there is no such value. Only one alternative is understood.
 */
const char *filter_equals(const struct filter *f, const char *path);
