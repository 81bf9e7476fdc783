/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: the one door to jansson. Foreign bytes are bounded and strict: UTF-8, no duplicate keys, depth limited. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libross/base/buf.h"
#include "libross/base/err.h"
#include "libross/base/labels.h"
#include "libross/base/strv.h"

#define JSON_DEPTH_MAX 64

/* A value; jansson's json_t behind an opaque name, reference counted by json_value_unref of the root only. */
struct json;

/* n bytes, NUL not needed. InvalidArgument with line and column when malformed. The root is the caller's to free. */
int json_parse(const void *p, size_t n, struct json **ret, struct err *err);
void json_free(struct json *root); /* NULL is fine */
DEFINE_AUTO_PTR(json)

/* Looking: values returned are borrowed from the root. Missing and null are NULL. */
struct json *json_find(const struct json *object, const char *key);
size_t json_len(const struct json *array_or_object); /* 0 for anything else, NULL included */
struct json *json_at(const struct json *array, size_t i);
const char *json_str(const struct json *v);        /* NULL when it is no string */
bool json_int(const struct json *v, int64_t *ret); /* false when it is no integer */
bool json_is_true(const struct json *v);
bool json_is_object(const struct json *v);
bool json_is_array(const struct json *v);
/* Iterating over an object: `i` starts at NULL; false at the end. */
bool json_next(const struct json *object, void **i, const char **ret_key, struct json **ret_value);

/*
 * Field tables: one row = key, type, offset, required. Unknown keys are ignored (OCI documents grow); a known key of a
 * wrong type is InvalidArgument naming the path. Outputs are malloc'ed; on error nothing is left allocated beyond what
 * the type's `_done` frees.
 */
enum json_type { JSON_T_STR, JSON_T_INT, JSON_T_BOOL, JSON_T_STRV, JSON_T_LABELS };
struct json_field {
    const char *key;
    enum json_type type; /* char *, int64_t, bool, struct strv, struct labels (empty values kept) */
    size_t offset;
    bool required;
};
int json_read_fields(const struct json *object, const struct json_field *fields, size_t n,
                     void *into, const char *what, struct err *err);

/* Building. Every json_new_* root is freed with json_free unless given to json_set / json_push, which take it. */
struct json *json_new_object(void);
struct json *json_new_array(void);
struct json *json_new_str(const char *s);
struct json *json_new_int(int64_t v);
struct json *json_new_bool(bool v);
struct json *json_new_null(void);
struct json *json_new_strv(const struct strv *v);
struct json *json_new_labels(const struct labels *l);
void json_set(struct json *object, const char *key, struct json *value); /* takes value */
void json_push(struct json *array, struct json *value);                  /* takes value */
void json_del(struct json *object, const char *key);
struct json *json_clone(const struct json *v); /* deep */
/* Compact, keys in insertion order; malloc'ed. */
char *json_dump(const struct json *v, size_t *ret_len);
char *json_dump_pretty(const struct json *v);
