/* SPDX-License-Identifier: Apache-2.0 */
/* Maps from string to string: repeated entry messages ↔ labels. */
#include <string.h>

#include "api/wire/wire.h"

/* Every generated entry of a map<string, string> has this shape. */
struct entry {
    ProtobufCMessage base;
    char *key;
    char *value;
};

void *
wire_new(struct arena *a, const ProtobufCMessageDescriptor *desc)
{
    ProtobufCMessage *m = arena_alloc(a, desc->sizeof_message);

    protobuf_c_message_init(desc, m);
    return m;
}

char *
wire_str_to(struct arena *a, const char *s)
{
    return s && *s ? arena_strdup(a, s) : (char *) "";
}

void *
wire_labels_to(struct arena *a, const struct labels *l, const ProtobufCMessageDescriptor *entry,
               size_t *ret_n)
{
    struct entry **entries;

    *ret_n = l->n;
    if (!l->n)
        return NULL;
    entries = arena_alloc(a, l->n * sizeof(struct entry *));
    for (size_t i = 0; i < l->n; i++) {
        entries[i] = wire_new(a, entry);
        entries[i]->key = arena_strdup(a, l->items[i].key);
        entries[i]->value = arena_strdup(a, l->items[i].value);
    }
    return entries;
}

static int
map_from(const void *field, size_t n, bool keep_empty, struct labels *ret, struct err *err)
{
    AUTO(labels) l = {0};
    const struct entry *const *entries = field;

    if (n > WIRE_LABELS_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "%zu labels are more than the limit of %d", n,
                       WIRE_LABELS_MAX);
    for (size_t i = 0; i < n; i++) {
        const char *key = wire_str(entries[i]->key), *value = wire_str(entries[i]->value);

        if (!*key)
            return err_set(err, CODE_INVALID_ARGUMENT, "a label has an empty key");
        if (keep_empty)
            labels_set_raw(&l, key, value);
        else
            labels_set(&l, key, value);
    }
    *ret = TAKE_STRUCT(l);
    return 0;
}

int
wire_labels_from(const void *entries, size_t n, struct labels *ret, struct err *err)
{
    return map_from(entries, n, false, ret, err);
}

int
wire_map_from(const void *entries, size_t n, struct labels *ret, struct err *err)
{
    return map_from(entries, n, true, ret, err);
}
