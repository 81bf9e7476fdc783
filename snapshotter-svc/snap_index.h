/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots in memory, found by name and by id, in order of creation. No locking: snap_meta's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libross/contract/snapshots.h"

struct snap_node {
    struct snap_node *next, *prev; /* by id */
    struct snap_node *same_name_hash, *same_id_hash;
    struct snap_node *parent; /* NULL = none */
    char *name;
    char *labels; /* "key\0value\0…", sorted by key */
    size_t labels_bytes;
    uint64_t id, name_hash;
    int64_t created_ns, updated_ns;
    struct snapshot_usage usage;
    int64_t synced_ns;
    uint32_t n_children;
    uint8_t kind; /* enum snapshot_kind */
    bool overlay_form;
};

struct snap_node *snap_node_new(uint64_t id, enum snapshot_kind kind, const char *name);
void snap_node_free(struct snap_node *n); /* NULL is fine */

/* Labels as the packed bytes that nodes and rows hold. Empty gives NULL and 0. */
char *snap_labels_pack(const struct labels *l, size_t *ret_n);
/* False when the bytes are no such list (a damaged row). */
bool snap_labels_unpack(const char *packed, size_t n, struct labels *ret);
/* InvalidArgument when one label, or all of them together, are too large. */
int snap_labels_check(const struct labels *l, struct err *err);

/* A place in the list that stays valid while nodes come and go. */
struct snap_mark {
    struct snap_node *at; /* the next to be seen, NULL = the end */
    struct snap_mark *next, *prev;
};

struct snap_index {
    struct snap_node *first, *last;
    struct snap_node **by_name, **by_id;
    size_t n, room; /* buckets; a power of two */
    uint64_t seed;
    struct snap_mark *marks;
};

void snap_index_init(struct snap_index *x);
void snap_index_done(struct snap_index *x); /* frees the nodes */

struct snap_node *snap_index_find(const struct snap_index *x, const char *name);
struct snap_node *snap_index_find_id(const struct snap_index *x, uint64_t id);
/* Takes the node; its id is higher than all, its name is new. Counts as a child of its parent. */
void snap_index_add(struct snap_index *x, struct snap_node *n);
/* Takes it out; the caller's to free. It has no children. */
void snap_index_del(struct snap_index *x, struct snap_node *n);
/* Takes `name`. */
void snap_index_rename(struct snap_index *x, struct snap_node *n, char *name);
void snap_index_set_parent(struct snap_node *n, struct snap_node *parent);

void snap_mark_open(struct snap_index *x, struct snap_mark *m);
void snap_mark_close(struct snap_index *x, struct snap_mark *m);
