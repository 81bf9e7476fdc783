/* SPDX-License-Identifier: Apache-2.0 */
/* Who keeps whom. */
#include "gc_graph.h"

#include <assert.h>
#include <string.h>

#include "libross/base/clock.h"
#include "libross/base/mem.h"
#include "libross/oci/gc_labels.h"

#define NONE UINT32_MAX

struct edge {
    gc_id to;
    uint32_t next; /* of the same node, NONE = the last */
};

enum mark { UNREACHED, REACHED_FLAT, REACHED };

struct node {
    enum gc_type type;
    char *ns, *key;
    uint32_t edges; /* first, NONE = no edge */
    uint32_t chain; /* next in the hash bucket */
    const char *why;
    gc_id parent;
    enum mark root, mark;
};

struct gc_graph {
    struct node *nodes;
    size_t n_nodes, cap_nodes;
    struct edge *edges;
    size_t n_edges, cap_edges;
    uint32_t *buckets;
    size_t n_buckets;
    gc_id *queue; /* while marking */
    size_t n_queue;
};

struct gc_graph *
gc_graph_new(void)
{
    struct gc_graph *g = xcalloc(1, sizeof *g);

    g->n_buckets = 1024;
    g->buckets = xmalloc(g->n_buckets * sizeof *g->buckets);
    memset(g->buckets, 0xff, g->n_buckets * sizeof *g->buckets);
    return g;
}

void
gc_graph_free(struct gc_graph *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->n_nodes; i++) {
        free(g->nodes[i].ns);
        free(g->nodes[i].key);
    }
    free(g->nodes);
    free(g->edges);
    free(g->buckets);
    free(g->queue);
    free(g);
}

static uint32_t
hash_of(enum gc_type type, const char *ns, const char *key)
{
    uint32_t h = 2166136261u ^ (uint32_t) type;

    for (; *ns; ns++)
        h = (h ^ (unsigned char) *ns) * 16777619u;
    h *= 16777619u;
    for (; *key; key++)
        h = (h ^ (unsigned char) *key) * 16777619u;
    return h;
}

static void
grow_buckets(struct gc_graph *g)
{
    g->n_buckets *= 4;
    g->buckets = xreallocarray(g->buckets, g->n_buckets, sizeof *g->buckets);
    memset(g->buckets, 0xff, g->n_buckets * sizeof *g->buckets);
    for (gc_id i = 0; i < g->n_nodes; i++) {
        struct node *n = &g->nodes[i];
        uint32_t *b = &g->buckets[hash_of(n->type, n->ns, n->key) % g->n_buckets];

        n->chain = *b;
        *b = i;
    }
}

gc_id
gc_graph_node(struct gc_graph *g, enum gc_type type, const char *ns, const char *key)
{
    uint32_t *b = &g->buckets[hash_of(type, ns, key) % g->n_buckets];

    for (uint32_t i = *b; i != NONE; i = g->nodes[i].chain)
        if (g->nodes[i].type == type && !strcmp(g->nodes[i].key, key) &&
            !strcmp(g->nodes[i].ns, ns))
            return i;
    if (g->n_nodes == g->cap_nodes) {
        g->cap_nodes = g->cap_nodes ? 2 * g->cap_nodes : 256;
        g->nodes = xreallocarray(g->nodes, g->cap_nodes, sizeof *g->nodes);
    }
    g->nodes[g->n_nodes] = (struct node){.type = type,
                                         .ns = xstrdup(ns),
                                         .key = xstrdup(key),
                                         .edges = NONE,
                                         .chain = *b,
                                         .parent = NONE};
    *b = (uint32_t) g->n_nodes++;
    if (g->n_nodes > g->n_buckets)
        grow_buckets(g);
    return (gc_id) g->n_nodes - 1;
}

void
gc_graph_ref(struct gc_graph *g, gc_id from, gc_id to)
{
    assert(from < g->n_nodes && to < g->n_nodes);
    if (g->n_edges == g->cap_edges) {
        g->cap_edges = g->cap_edges ? 2 * g->cap_edges : 256;
        g->edges = xreallocarray(g->edges, g->cap_edges, sizeof *g->edges);
    }
    g->edges[g->n_edges] = (struct edge){.to = to, .next = g->nodes[from].edges};
    g->nodes[from].edges = (uint32_t) g->n_edges++;
}

void
gc_graph_root(struct gc_graph *g, gc_id id, const char *why)
{
    g->nodes[id].root = REACHED;
    g->nodes[id].why = why;
}

void
gc_graph_root_flat(struct gc_graph *g, gc_id id, gc_id because)
{
    if (g->nodes[id].root == REACHED)
        return;
    g->nodes[id].root = REACHED_FLAT;
    g->nodes[id].parent = because;
}

/* ---- labels ---- */

/* The text behind "PREFIX", which must end there or go on with '.' or '/'; NULL otherwise. */
static const char *
behind(const char *key, const char *prefix)
{
    size_t n = strlen(prefix);

    if (strncmp(key, prefix, n) != 0)
        return NULL;
    key += n;
    return !*key || *key == '.' || *key == '/' ? key : NULL;
}

/* "SNAPSHOTTER[/X]" names the snapshotter of a reference; "" when there is none. */
static gc_id
snapshot_node(struct gc_graph *g, const char *snapshotter, const char *key)
{
    auto_free char *name = xstrndup(snapshotter, strcspn(snapshotter, "/"));
    auto_free char *full = xasprintf("%s/%s", name, key);

    return gc_graph_node(g, GC_SNAPSHOT, "", full);
}

/*
 * The object that a label "<gc.ref or gc.bref>.TYPE…" = value speaks of. False when it is of another kind.
 */
static bool
target_of(struct gc_graph *g, const char *ns, const char *type, const char *value, gc_id *ret)
{
    const char *rest;

    if (behind(type, "content")) {
        *ret = gc_graph_node(g, GC_CONTENT, ns, value);
        return true;
    }
    if (behind(type, "image")) {
        *ret = gc_graph_node(g, GC_IMAGE, ns, value);
        return true;
    }
    if (behind(type, "container")) {
        *ret = gc_graph_node(g, GC_CONTAINER, ns, value);
        return true;
    }
    rest = behind(type, "snapshot");
    if (!rest || *rest != '.' || !rest[1] || rest[1] == '/')
        return false;
    *ret = snapshot_node(g, rest + 1, value);
    return true;
}

#define REF_PREFIX  "containerd.io/gc.ref."
#define BREF_PREFIX GC_LABEL_BREF "."

static void
one_label(struct gc_graph *g, gc_id id, const struct label *l)
{
    auto_free char *ns = xstrdup(g->nodes[id].ns); /* nodes may move */
    gc_id other;

    if (!strncmp(l->key, REF_PREFIX, strlen(REF_PREFIX))) {
        if (target_of(g, ns, l->key + strlen(REF_PREFIX), l->value, &other))
            gc_graph_ref(g, id, other);
    } else if (!strncmp(l->key, BREF_PREFIX, strlen(BREF_PREFIX))) {
        if (target_of(g, ns, l->key + strlen(BREF_PREFIX), l->value, &other))
            gc_graph_ref(g, other, id);
    } else if (!strcmp(l->key, GC_LABEL_ROOT)) {
        enum gc_type type = g->nodes[id].type;

        if (type == GC_CONTENT || type == GC_SNAPSHOT)
            gc_graph_root(g, id, "label gc.root");
    }
}

void
gc_graph_labels(struct gc_graph *g, gc_id id, const struct labels *labels)
{
    for (size_t i = 0; i < labels->n; i++)
        one_label(g, id, &labels->items[i]);
}

/* ---- marking ---- */

static void
reach(struct gc_graph *g, gc_id id, enum mark mark, gc_id parent)
{
    struct node *n = &g->nodes[id];

    if (n->mark >= mark)
        return;
    if (n->mark == UNREACHED && parent != NONE)
        n->parent = parent;
    n->mark = mark;
    g->queue[g->n_queue++] = id;
}

/* What is reached flat passes on only from snapshot to snapshot: to its parents. */
static void
follow(struct gc_graph *g, gc_id id)
{
    enum mark mark = g->nodes[id].mark;

    for (uint32_t e = g->nodes[id].edges; e != NONE; e = g->edges[e].next) {
        gc_id to = g->edges[e].to;

        if (mark == REACHED)
            reach(g, to, REACHED, id);
        else if (g->nodes[id].type == GC_SNAPSHOT && g->nodes[to].type == GC_SNAPSHOT)
            reach(g, to, REACHED_FLAT, id);
    }
}

void
gc_graph_mark(struct gc_graph *g)
{
    assert(!g->queue);
    /* An object enters at most once flat and once fully. */
    g->queue = xreallocarray(NULL, 2 * g->n_nodes + 1, sizeof *g->queue);
    for (gc_id i = 0; i < g->n_nodes; i++)
        if (g->nodes[i].root != UNREACHED)
            reach(g, i, g->nodes[i].root, NONE);
    for (size_t i = 0; i < g->n_queue; i++)
        follow(g, g->queue[i]);
}

bool
gc_graph_is_kept(const struct gc_graph *g, gc_id id)
{
    return g->nodes[id].mark != UNREACHED;
}

size_t
gc_graph_count(const struct gc_graph *g)
{
    return g->n_nodes;
}

void
gc_graph_view(const struct gc_graph *g, gc_id id, struct gc_node_view *ret)
{
    const struct node *n = &g->nodes[id];

    *ret = (struct gc_node_view){.type = n->type,
                                 .ns = n->ns,
                                 .key = n->key,
                                 .why = n->why,
                                 .has_parent = n->parent != NONE && n->mark != UNREACHED,
                                 .parent = n->parent};
}

const char *
gc_type_name(enum gc_type type)
{
    static const char *const names[] = {
        [GC_CONTENT] = "content",   [GC_IMAGE] = "image", [GC_CONTAINER] = "container",
        [GC_SNAPSHOT] = "snapshot", [GC_LEASE] = "lease", [GC_INGEST] = "ingest"};

    return names[type];
}

bool
gc_is_expired(const char *rfc3339, int64_t now_ns)
{
    int64_t at;

    return rfc3339 && clock_parse(rfc3339, &at, NULL) == 0 && at <= now_ns;
}
