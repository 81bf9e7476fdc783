/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who keeps whom: the objects of the store, the references between them, and what is reached from the roots
 * (reference 11.5). Pure: no database, no files.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libross/base/labels.h"

enum gc_type { GC_CONTENT, GC_IMAGE, GC_CONTAINER, GC_SNAPSHOT, GC_LEASE, GC_INGEST };

/*
 * An object is a type, a namespace and a key. Snapshots have no namespace (""), their key is "SNAPSHOTTER/KEY".
 * Ids are small numbers, in order of first mention.
 */
typedef uint32_t gc_id;
struct gc_graph;

struct gc_graph *gc_graph_new(void);
void gc_graph_free(struct gc_graph *g);
DEFINE_AUTO_PTR(gc_graph)

/* The object, made when it was not mentioned before. Strings are copied. */
gc_id gc_graph_node(struct gc_graph *g, enum gc_type type, const char *ns, const char *key);
/* `to` lives while `from` is reached. */
void gc_graph_ref(struct gc_graph *g, gc_id from, gc_id to);
/* Reached by itself, for a reason that is shown (static text). */
void gc_graph_root(struct gc_graph *g, gc_id id, const char *why);
/* Reached, but what it refers to is not for that reason; a snapshot's parents are. */
void gc_graph_root_flat(struct gc_graph *g, gc_id id, gc_id because);
/* What an object's labels say: gc.ref.*, gc.bref.*, and gc.root on content and snapshots. */
void gc_graph_labels(struct gc_graph *g, gc_id id, const struct labels *labels);

/* Walks from the roots. Once, after everything was said. */
void gc_graph_mark(struct gc_graph *g);
bool gc_graph_is_kept(const struct gc_graph *g, gc_id id);
size_t gc_graph_count(const struct gc_graph *g);

struct gc_node_view {
    enum gc_type type;
    const char *ns, *key;
    const char *why; /* of a root; NULL otherwise */
    bool has_parent; /* `parent` is the object through which it was reached first */
    gc_id parent;
};
/* Borrowed until the graph changes. */
void gc_graph_view(const struct gc_graph *g, gc_id id, struct gc_node_view *ret);
const char *gc_type_name(enum gc_type type);

/* True for a time in RFC 3339 that is over; a text that is no time never ends anything. */
bool gc_is_expired(const char *rfc3339, int64_t now_ns);
