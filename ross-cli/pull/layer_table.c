/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/pull/layer_table.h"

void
layer_table_settle_twins(struct layer_table *t)
{
    for (size_t i = 0; i < t->n; i++) {
        size_t first = i;
        for (size_t k = 0; k < i; k++)
            if (t->items[k].unpack == UNPACK_WAITING &&
                digest_equal(&t->items[k].desc->digest, &t->items[i].desc->digest)) {
                first = k;
                break;
            }
        t->items[i].same_as = first;
    }
}

size_t
layer_table_to_fetch(const struct layer_table *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->items[i].fetch == FETCH_WAITING && t->items[i].same_as == i)
            return i;
    return LAYER_NONE;
}

static bool
may_prepare(const struct layer_table *t, size_t i)
{
    return t->rebase || i == 0 || t->items[i - 1].unpack == UNPACK_COMMITTED;
}

static bool
may_follow(const struct layer_table *t, size_t i)
{
    return t->rebase && !t->no_follow && t->items[i].fetch == FETCH_RUNNING &&
           t->items[i].streaming;
}

size_t
layer_table_to_unpack(const struct layer_table *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->items[i].unpack == UNPACK_WAITING && t->items[i].fetch == FETCH_DONE &&
            may_prepare(t, i))
            return i;
    for (size_t i = 0; i < t->n; i++)
        if (t->items[i].unpack == UNPACK_WAITING && may_follow(t, i))
            return i;
    return LAYER_NONE;
}

bool
layer_table_may_commit(const struct layer_table *t, size_t i)
{
    return t->items[i].unpack >= UNPACK_APPLIED && t->items[i].fetch == FETCH_DONE;
}

bool
layer_table_past(const struct layer_table *t, enum unpack_state state)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->items[i].unpack < state)
            return false;
    return true;
}
