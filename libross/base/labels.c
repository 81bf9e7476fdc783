/* SPDX-License-Identifier: Apache-2.0 */
/* Labels of an object: a small sorted map from key to value, one of the five currencies. */
#include "labels.h"

#include <string.h>

/* Where the key is (1) or belongs (0). */
static bool
labels_locate(const struct labels *l, const char *key, size_t *ret_at)
{
    size_t lo = 0, hi = l->n, mid;
    int c;

    while (lo < hi) {
        mid = lo + (hi - lo) / 2;
        c = strcmp(l->items[mid].key, key);
        if (c == 0) {
            *ret_at = mid;
            return true;
        }
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    *ret_at = lo;
    return false;
}

void
labels_set_raw(struct labels *l, const char *key, const char *value)
{
    char *copy = xstrdup(value);
    size_t at;

    if (labels_locate(l, key, &at)) {
        free(l->items[at].value);
        l->items[at].value = copy;
        return;
    }
    l->items = xreallocarray(l->items, l->n + 1, sizeof *l->items);
    memmove(l->items + at + 1, l->items + at, (l->n - at) * sizeof *l->items);
    l->items[at] = (struct label){.key = xstrdup(key), .value = copy};
    l->n++;
}

void
labels_set(struct labels *l, const char *key, const char *value)
{
    if (*value)
        labels_set_raw(l, key, value);
    else
        labels_del(l, key);
}

const char *
labels_find(const struct labels *l, const char *key)
{
    size_t at;

    return labels_locate(l, key, &at) ? l->items[at].value : NULL;
}

void
labels_del(struct labels *l, const char *key)
{
    size_t at;

    if (!labels_locate(l, key, &at))
        return;
    free(l->items[at].key);
    free(l->items[at].value);
    l->n--;
    memmove(l->items + at, l->items + at + 1, (l->n - at) * sizeof *l->items);
}

struct labels
labels_clone(const struct labels *l)
{
    struct labels copy = {.items = NULL, .n = l->n};

    if (!l->n)
        return copy;
    copy.items = xreallocarray(NULL, l->n, sizeof *copy.items);
    for (size_t i = 0; i < l->n; i++)
        copy.items[i] = (struct label){
            .key = xstrdup(l->items[i].key),
            .value = xstrdup(l->items[i].value),
        };
    return copy;
}

bool
labels_equal(const struct labels *a, const struct labels *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->items[i].key, b->items[i].key) != 0 ||
            strcmp(a->items[i].value, b->items[i].value) != 0)
            return false;
    return true;
}

int
labels_validate(const struct labels *l, struct err *err)
{
    for (size_t i = 0; i < l->n; i++) {
        if (!l->items[i].key[0])
            return err_set(err, CODE_INVALID_ARGUMENT, "label without a key");
        if (strlen(l->items[i].key) + strlen(l->items[i].value) > LABEL_SIZE_MAX)
            return err_set(err, CODE_INVALID_ARGUMENT,
                           "label key and value greater than maximum size (%d bytes), key: %.64s",
                           LABEL_SIZE_MAX, l->items[i].key);
    }
    return 0;
}

#define MASK_KEY_PREFIX "labels."

int
labels_apply_mask(struct labels *l, const struct labels *from, const struct strv *mask,
                  struct err *err)
{
    const char *path, *value, *key;

    for (size_t i = 0; i < mask->n; i++) {
        path = mask->items[i];
        if (strcmp(path, "labels") != 0 &&
            strncmp(path, MASK_KEY_PREFIX, strlen(MASK_KEY_PREFIX)) != 0)
            return err_set(err, CODE_INVALID_ARGUMENT, "cannot update field '%.128s'", path);
    }
    for (size_t i = 0; i < mask->n || (i == 0 && mask->n == 0); i++) {
        path = mask->n ? mask->items[i] : "labels";
        if (strcmp(path, "labels") == 0) {
            labels_done(l);
            for (size_t k = 0; k < from->n; k++)
                labels_set(l, from->items[k].key, from->items[k].value);
            continue;
        }
        key = path + strlen(MASK_KEY_PREFIX);
        value = labels_find(from, key);
        labels_set(l, key, value ? value : "");
    }
    return 0;
}

void
labels_done(struct labels *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->items[i].key);
        free(l->items[i].value);
    }
    free(l->items);
    *l = (struct labels){0};
}
