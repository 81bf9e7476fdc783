/* SPDX-License-Identifier: Apache-2.0 */
/* Repeated fields whose length is not known beforehand. */
#include <string.h>

#include "api/wire/wire.h"

#define CAP_MIN 64

/* What the array grew out of stays in the arena: together less than the array. */
static void
grow(struct wire_list *l)
{
    size_t cap = l->cap ? 2 * l->cap : CAP_MIN;
    void **bigger = arena_alloc(l->arena, cap * sizeof(void *));

    if (l->n)
        memcpy(bigger, l->items, l->n * sizeof(void *));
    l->items = bigger;
    l->cap = cap;
}

void
wire_list_add(struct wire_list *l, void *msg)
{
    void **items;

    if (l->n == l->cap)
        grow(l);
    items = l->items;
    items[l->n++] = msg;
}
