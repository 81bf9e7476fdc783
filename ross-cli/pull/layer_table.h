/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layers of an image that are fetched and unpacked, and what may be done with which of them next. Pure: the lock
 * that guards a table is its owner's. Inside pull/ only.
 */
#pragma once

#include "ross-cli/pull/layer.h"

#define LAYER_NONE SIZE_MAX

struct layer_table {
    struct layer *items; /* base first */
    size_t n;
    bool rebase;    /* parents are named at commit: the order of unpacking is free */
    bool no_follow; /* the snapshotter cannot see bytes that are on their way */
};

/* Every layer with a snapshot to make names the first such one with the same blob: that one is fetched. */
void layer_table_settle_twins(struct layer_table *t);
/* The lowest layer that waits to be fetched, or LAYER_NONE. */
size_t layer_table_to_fetch(const struct layer_table *t);
/*
 * The layer that is best unpacked now, or LAYER_NONE: the lowest that is fetched, else the lowest whose bytes come
 * just now. Without rebase only the one whose parent is committed, and only when it is fetched.
 */
size_t layer_table_to_unpack(const struct layer_table *t);
/* Applied, and its blob is in the store. */
bool layer_table_may_commit(const struct layer_table *t, size_t i);
/* No layer is before this state. */
bool layer_table_past(const struct layer_table *t, enum unpack_state state);
