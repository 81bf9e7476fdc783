/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots in memory, found by name and by id, in order of creation. */
#include "snap_index.h"

#include <assert.h>
#include <string.h>

#include "libross/base/random.h"
#include "snap_meta.h"

#define BUCKETS_MIN 256

/* ---- labels ---- */

char *
snap_labels_pack(const struct labels *l, size_t *ret_n)
{
    size_t n = 0, len;
    char *packed, *at;

    for (size_t i = 0; i < l->n; i++)
        n += strlen(l->items[i].key) + strlen(l->items[i].value) + 2;
    *ret_n = n;
    if (!n)
        return NULL;
    at = packed = xmalloc(n);
    for (size_t i = 0; i < l->n; i++) {
        len = strlen(l->items[i].key) + 1;
        memcpy(at, l->items[i].key, len);
        at += len;
        len = strlen(l->items[i].value) + 1;
        memcpy(at, l->items[i].value, len);
        at += len;
    }
    return packed;
}

bool
snap_labels_unpack(const char *packed, size_t n, struct labels *ret)
{
    AUTO(labels) l = {0};
    const char *end = packed + n, *key, *value;

    if (n && packed[n - 1] != '\0')
        return false;
    while (packed < end) {
        key = packed;
        value = key + strlen(key) + 1;
        if (value >= end || !*key)
            return false;
        labels_set(&l, key, value);
        packed = value + strlen(value) + 1;
    }
    *ret = TAKE_STRUCT(l);
    return true;
}

int
snap_labels_check(const struct labels *l, struct err *err)
{
    size_t total = 0;
    int r;

    r = labels_validate(l, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < l->n; i++)
        total += strlen(l->items[i].key) + strlen(l->items[i].value) + 2;
    if (total > SNAP_LABELS_BYTES_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "labels of more than %d bytes together",
                       SNAP_LABELS_BYTES_MAX);
    return 0;
}

/* ---- nodes ---- */

struct snap_node *
snap_node_new(uint64_t id, enum snapshot_kind kind, const char *name)
{
    struct snap_node *n = xcalloc(1, sizeof *n);

    n->id = id;
    n->kind = (uint8_t) kind;
    n->name = xstrdup(name);
    return n;
}

void
snap_node_free(struct snap_node *n)
{
    if (!n)
        return;
    free(n->name);
    free(n->labels);
    free(n);
}

/* ---- the index ---- */

/* FNV-1a from a random start, so that names chosen elsewhere cannot be made to collide on purpose. */
static uint64_t
hash_name(const struct snap_index *x, const char *name)
{
    uint64_t h = x->seed;

    for (; *name; name++)
        h = (h ^ (unsigned char) *name) * UINT64_C(0x100000001b3);
    return h ^ h >> 32;
}

static size_t
id_bucket(const struct snap_index *x, uint64_t id)
{
    return (size_t) (id & (x->room - 1));
}

void
snap_index_init(struct snap_index *x)
{
    *x = (struct snap_index){
        .room = BUCKETS_MIN,
        .seed = (uint64_t) random_u32() << 32 | random_u32(),
    };
    x->by_name = xcalloc(x->room, sizeof *x->by_name);
    x->by_id = xcalloc(x->room, sizeof *x->by_id);
}

void
snap_index_done(struct snap_index *x)
{
    struct snap_node *n, *next;

    assert(!x->marks);
    for (n = x->first; n; n = next) {
        next = n->next;
        snap_node_free(n);
    }
    free(x->by_name);
    free(x->by_id);
    *x = (struct snap_index){0};
}

struct snap_node *
snap_index_find(const struct snap_index *x, const char *name)
{
    uint64_t h = hash_name(x, name);
    struct snap_node *n = x->by_name[h & (x->room - 1)];

    while (n && (n->name_hash != h || strcmp(n->name, name) != 0))
        n = n->same_name_hash;
    return n;
}

struct snap_node *
snap_index_find_id(const struct snap_index *x, uint64_t id)
{
    struct snap_node *n = x->by_id[id_bucket(x, id)];

    while (n && n->id != id)
        n = n->same_id_hash;
    return n;
}

static void
link_name(struct snap_index *x, struct snap_node *n)
{
    struct snap_node **bucket = &x->by_name[n->name_hash & (x->room - 1)];

    n->same_name_hash = *bucket;
    *bucket = n;
}

static void
unlink_name(struct snap_index *x, struct snap_node *n)
{
    struct snap_node **at = &x->by_name[n->name_hash & (x->room - 1)];

    while (*at != n)
        at = &(*at)->same_name_hash;
    *at = n->same_name_hash;
}

static void
link_id(struct snap_index *x, struct snap_node *n)
{
    struct snap_node **bucket = &x->by_id[id_bucket(x, n->id)];

    n->same_id_hash = *bucket;
    *bucket = n;
}

static void
unlink_id(struct snap_index *x, struct snap_node *n)
{
    struct snap_node **at = &x->by_id[id_bucket(x, n->id)];

    while (*at != n)
        at = &(*at)->same_id_hash;
    *at = n->same_id_hash;
}

static void
grow(struct snap_index *x)
{
    free(x->by_name);
    free(x->by_id);
    x->room *= 2;
    x->by_name = xcalloc(x->room, sizeof *x->by_name);
    x->by_id = xcalloc(x->room, sizeof *x->by_id);
    for (struct snap_node *n = x->first; n; n = n->next) {
        link_name(x, n);
        link_id(x, n);
    }
}

void
snap_index_add(struct snap_index *x, struct snap_node *n)
{
    if (x->n == x->room)
        grow(x);
    n->name_hash = hash_name(x, n->name);
    link_name(x, n);
    link_id(x, n);
    n->prev = x->last;
    n->next = NULL;
    if (x->last)
        x->last->next = n;
    else
        x->first = n;
    x->last = n;
    x->n++;
    if (n->parent)
        n->parent->n_children++;
}

void
snap_index_del(struct snap_index *x, struct snap_node *n)
{
    assert(n->n_children == 0);
    for (struct snap_mark *m = x->marks; m; m = m->next)
        if (m->at == n)
            m->at = n->next;
    unlink_name(x, n);
    unlink_id(x, n);
    if (n->prev)
        n->prev->next = n->next;
    else
        x->first = n->next;
    if (n->next)
        n->next->prev = n->prev;
    else
        x->last = n->prev;
    x->n--;
    snap_index_set_parent(n, NULL);
}

void
snap_index_rename(struct snap_index *x, struct snap_node *n, char *name)
{
    unlink_name(x, n);
    free(n->name);
    n->name = name;
    n->name_hash = hash_name(x, name);
    link_name(x, n);
}

void
snap_index_set_parent(struct snap_node *n, struct snap_node *parent)
{
    if (n->parent)
        n->parent->n_children--;
    n->parent = parent;
    if (parent)
        parent->n_children++;
}

/* ---- marks ---- */

void
snap_mark_open(struct snap_index *x, struct snap_mark *m)
{
    *m = (struct snap_mark){.at = x->first, .next = x->marks};
    if (x->marks)
        x->marks->prev = m;
    x->marks = m;
}

void
snap_mark_close(struct snap_index *x, struct snap_mark *m)
{
    if (m->prev)
        m->prev->next = m->next;
    else
        x->marks = m->next;
    if (m->next)
        m->next->prev = m->prev;
}
