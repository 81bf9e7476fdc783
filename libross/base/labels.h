/* SPDX-License-Identifier: Apache-2.0 */
/* Labels of an object: a small sorted map from key to value, one of the five currencies. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "mem.h"
#include "strv.h"

#define LABEL_SIZE_MAX 4096 /* strlen(key) + strlen(value), containerd pkg/labels */

struct label {
    char *key, *value;
};

/* Zero-initialised is empty. Sorted by key (bytes), keys unique and never empty. */
struct labels {
    struct label *items;
    size_t n;
};

/* Copies both; replaces the value of an existing key. An empty value removes the key, as containerd stores none. */
void labels_set(struct labels *l, const char *key, const char *value);
/* As labels_set, keeping an empty value: annotations and environment-like maps. */
void labels_set_raw(struct labels *l, const char *key, const char *value);
/* The value, borrowed until the next change, or NULL. */
const char *labels_find(const struct labels *l, const char *key);
void labels_del(struct labels *l, const char *key);
struct labels labels_clone(const struct labels *l);
bool labels_equal(const struct labels *a, const struct labels *b);
/* InvalidArgument naming the key when a label is larger than LABEL_SIZE_MAX. */
int labels_validate(const struct labels *l, struct err *err);
void labels_done(struct labels *l);

/*
 * The update rule of reference 8.3 for objects of which only labels can change.
 *   mask   field mask paths: none or "labels" replaces all; "labels.KEY" sets or (when absent in `from`) deletes one
 * InvalidArgument for any other path; `l` is then unchanged.
 */
int labels_apply_mask(struct labels *l, const struct labels *from, const struct strv *mask,
                      struct err *err);
