/* SPDX-License-Identifier: Apache-2.0 */
/* Repeated strings and google.protobuf.FieldMask ↔ lists of strings. */
#include "google/protobuf/field_mask.pb-c.h"

#include "api/wire/wire.h"

char **
wire_strv_to(struct arena *a, const struct strv *v, size_t *ret_n)
{
    char **items;

    *ret_n = v ? v->n : 0;
    if (!*ret_n)
        return NULL;
    items = arena_alloc(a, v->n * sizeof(char *));
    for (size_t i = 0; i < v->n; i++)
        items[i] = arena_strdup(a, v->items[i]);
    return items;
}

struct strv
wire_strv_from(char *const *items, size_t n)
{
    struct strv v = {0};

    for (size_t i = 0; i < n; i++)
        strv_add(&v, wire_str(items[i]));
    return v;
}

struct Google__Protobuf__FieldMask *
wire_mask_to(struct arena *a, const struct strv *mask)
{
    Google__Protobuf__FieldMask *m;

    if (!mask || !mask->n)
        return NULL;
    m = wire_new(a, &google__protobuf__field_mask__descriptor);
    m->paths = wire_strv_to(a, mask, &m->n_paths);
    return m;
}

struct strv
wire_mask_from(const struct Google__Protobuf__FieldMask *m)
{
    if (!m)
        return (struct strv){0};
    return wire_strv_from(m->paths, m->n_paths);
}
