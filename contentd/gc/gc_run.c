/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mark and sweep.
 *
 * Snapshots are listed first (over a socket). Then one write transaction reads all records, marks, and deletes the
 * rows of what was not reached: nobody can add a reference in between. Files go after the commit, each only if its
 * digest has not got a row again. Snapshots go last, leaves first; what is younger than the oldest lease in force
 * stays, and so does a young one that is not committed: records about it may still be on their way.
 */
#include "gc_run.h"

#include <stdlib.h>
#include <string.h>

#include "contentd/content/content_meta.h"
#include "contentd/leases/lease_meta.h"
#include "libross/base/clock.h"
#include "libross/oci/gc_labels.h"

#define SNAPSHOTS_MAX 1000000

struct snapshot_row {
    char *name, *parent;
    gc_id id;
    int64_t created_ns;
    bool may_be_awaited; /* a container's: its record follows, and no lease holds it meanwhile */
    struct labels labels;
    struct snapshot_row *parent_row; /* NULL when it is none of ours */
    unsigned children;               /* not removed */
    bool removed;
};

struct pass {
    const struct gc_run *run;
    struct gc_graph *graph;
    struct gc_stats stats;
    int64_t now_ns, oldest_lease_ns; /* of a lease in force; INT64_MAX when none is */
    struct snapshot_row *snapshots;
    size_t n_snapshots;
    struct digest *doomed; /* blobs whose last row went */
    size_t n_doomed;
    struct strv gone_ingests; /* pairs: namespace, ref */
};

static void
pass_done(struct pass *p)
{
    for (size_t i = 0; i < p->n_snapshots; i++) {
        free(p->snapshots[i].name);
        free(p->snapshots[i].parent);
        labels_done(&p->snapshots[i].labels);
    }
    free(p->snapshots);
    free(p->doomed);
    strv_done(&p->gone_ingests);
    gc_graph_free(p->graph);
}

static void
say(struct pass *p, gc_id id, bool kept, const char *because, int64_t size)
{
    const struct gc_verdict v = {
        .graph = p->graph, .id = id, .kept = kept, .because = because, .size_bytes = size};

    if (p->run->verdict)
        p->run->verdict(&v, p->run->arg);
}

/* ---- snapshots: listing ---- */

/* Layers are unpacked and committed under a lease; only who makes a container writes the record later without one. */
static bool
may_be_awaited(const struct snapshot_info *i)
{
    return i->kind != SNAPSHOT_COMMITTED && strncmp(i->name, "extract-", strlen("extract-")) != 0;
}

static int
add_snapshot(const struct snapshot_info *i, void *arg)
{
    struct pass *p = arg;

    if (snapshot_key_is_containerds(i->name))
        return 0;
    if (p->n_snapshots == SNAPSHOTS_MAX)
        return -CODE_RESOURCE_EXHAUSTED;
    if ((p->n_snapshots & (p->n_snapshots - 1)) == 0)
        p->snapshots = xreallocarray(p->snapshots, p->n_snapshots ? 2 * p->n_snapshots : 1,
                                     sizeof *p->snapshots);
    p->snapshots[p->n_snapshots++] = (struct snapshot_row){.name = xstrdup(i->name),
                                                           .parent = xstrdup(i->parent),
                                                           .created_ns = i->created_ns,
                                                           .may_be_awaited = may_be_awaited(i),
                                                           .labels = labels_clone(&i->labels)};
    return 0;
}

static int
list_snapshots(struct pass *p, struct err *err)
{
    /* without a namespace the list would be that of a containerd's collector */
    const struct call_ctx ctx = {.ns = "default"};
    const struct strv all = {0};

    if (!p->run->snapshots)
        return 0;
    return snapshots_list(p->run->snapshots, &ctx, &all, add_snapshot, p, err);
}

static gc_id
snapshot_id(struct pass *p, const char *snapshotter, const char *key)
{
    auto_free char *full = xasprintf("%s/%s", snapshotter, key);

    return gc_graph_node(p->graph, GC_SNAPSHOT, "", full);
}

static void
mention_snapshots(struct pass *p)
{
    for (size_t i = 0; i < p->n_snapshots; i++) {
        struct snapshot_row *s = &p->snapshots[i];

        s->id = snapshot_id(p, p->run->snapshotter, s->name);
        if (*s->parent)
            gc_graph_ref(p->graph, s->id, snapshot_id(p, p->run->snapshotter, s->parent));
        gc_graph_labels(p->graph, s->id, &s->labels);
    }
}

/* ---- records ---- */

/* Calls fn for each row of a query without arguments. */
static int
each_row(struct pass *p, struct db_txn *t, const char *sql,
         void (*fn)(struct pass *, struct db_stmt *), struct err *err)
{
    AUTO_PTR(db_stmt) q = NULL;
    int r;

    r = db_query(t, &q, err, sql);
    while (r >= 0 && (r = db_stmt_next(q, err)) > 0)
        fn(p, q);
    return r;
}

static gc_id
node_of(struct pass *p, enum gc_type type, struct db_stmt *q)
{
    auto_free char *ns = xstrdup(db_stmt_text(q, 0));

    return gc_graph_node(p->graph, type, ns, db_stmt_text(q, 1));
}

/* ns, id, labels, created */
static void
on_lease(struct pass *p, struct db_stmt *q)
{
    AUTO(labels) l = contentd_db_labels(q, 2);
    gc_id id = node_of(p, GC_LEASE, q);

    gc_graph_labels(p->graph, id, &l);
    if (gc_is_expired(labels_find(&l, GC_LABEL_EXPIRE), p->now_ns))
        return;
    gc_graph_root(p->graph, id, "a lease in force");
    if (db_stmt_int(q, 3) < p->oldest_lease_ns)
        p->oldest_lease_ns = db_stmt_int(q, 3);
}

/* The object that a lease's resource names; false for a type we do not know. */
static bool
resource_node(struct pass *p, const char *ns, const char *type, const char *id, gc_id *ret)
{
    size_t n = strlen(LEASE_SNAPSHOTS_PREFIX);

    if (!strcmp(type, LEASE_CONTENT))
        *ret = gc_graph_node(p->graph, GC_CONTENT, ns, id);
    else if (!strcmp(type, LEASE_INGESTS))
        *ret = gc_graph_node(p->graph, GC_INGEST, ns, id);
    else if (!strcmp(type, LEASE_IMAGES))
        *ret = gc_graph_node(p->graph, GC_IMAGE, ns, id);
    else if (!strncmp(type, LEASE_SNAPSHOTS_PREFIX, n))
        *ret = snapshot_id(p, type + n, id);
    else
        return false;
    return true;
}

/* ns, lease, type, id, labels of the lease */
static void
on_resource(struct pass *p, struct db_stmt *q)
{
    AUTO(labels) l = contentd_db_labels(q, 4);
    gc_id lease = node_of(p, GC_LEASE, q), what;

    if (gc_is_expired(labels_find(&l, GC_LABEL_EXPIRE), p->now_ns) ||
        !resource_node(p, db_stmt_text(q, 0), db_stmt_text(q, 2), db_stmt_text(q, 3), &what))
        return;
    if (labels_find(&l, GC_LABEL_FLAT))
        gc_graph_root_flat(p->graph, what, lease);
    else
        gc_graph_ref(p->graph, lease, what);
}

/* ns, name, labels, digest */
static void
on_image(struct pass *p, struct db_stmt *q)
{
    AUTO(labels) l = contentd_db_labels(q, 2);
    gc_id id = node_of(p, GC_IMAGE, q);

    gc_graph_labels(p->graph, id, &l);
    gc_graph_ref(p->graph, id,
                 gc_graph_node(p->graph, GC_CONTENT, db_stmt_text(q, 0), db_stmt_text(q, 3)));
    if (!gc_is_expired(labels_find(&l, GC_LABEL_EXPIRE), p->now_ns))
        gc_graph_root(p->graph, id, "an image");
}

/* ns, id, labels, snapshotter, key */
static void
on_container(struct pass *p, struct db_stmt *q)
{
    AUTO(labels) l = contentd_db_labels(q, 2);
    gc_id id = node_of(p, GC_CONTAINER, q);

    gc_graph_labels(p->graph, id, &l);
    if (*db_stmt_text(q, 3) && *db_stmt_text(q, 4))
        gc_graph_ref(p->graph, id, snapshot_id(p, db_stmt_text(q, 3), db_stmt_text(q, 4)));
    gc_graph_root(p->graph, id, "a container");
}

/* ns, digest, labels */
static void
on_content(struct pass *p, struct db_stmt *q)
{
    AUTO(labels) l = contentd_db_labels(q, 2);
    gc_id id = node_of(p, GC_CONTENT, q);

    gc_graph_labels(p->graph, id, &l);
    if (!*db_stmt_text(q, 0))
        gc_graph_root(p->graph, id, "the plain view, whose user collects itself");
}

/* ns, ref, expected, updated */
static void
on_ingest(struct pass *p, struct db_stmt *q)
{
    const char *ns = db_stmt_text(q, 0), *ref = db_stmt_text(q, 1);
    gc_id id = node_of(p, GC_INGEST, q);

    if (*db_stmt_text(q, 2))
        gc_graph_ref(p->graph, id, gc_graph_node(p->graph, GC_CONTENT, ns, db_stmt_text(q, 2)));
    if (p->run->store && content_store_is_writing(p->run->store, ns, ref))
        gc_graph_root(p->graph, id, "a write that goes on");
    else if (!*ns)
        gc_graph_root(p->graph, id, "the plain view, whose user collects itself");
    else if (db_stmt_int(q, 3) > p->now_ns - GC_INGEST_LIFE_NS)
        gc_graph_root(p->graph, id, "an unfinished write less than a day old");
}

static int
read_records(struct pass *p, struct db_txn *t, struct err *err)
{
    int r;

    r = each_row(p, t, "SELECT ns, id, labels, created FROM lease", on_lease, err);
    if (r == 0)
        r = each_row(p, t,
                     "SELECT r.ns, r.lease, r.type, r.id, l.labels FROM lease_resource r"
                     " JOIN lease l ON l.ns = r.ns AND l.id = r.lease",
                     on_resource, err);
    if (r == 0)
        r = each_row(p, t, "SELECT ns, name, labels, digest FROM image", on_image, err);
    if (r == 0)
        r = each_row(p, t, "SELECT ns, id, labels, snapshotter, snapshot_key FROM container",
                     on_container, err);
    if (r == 0)
        r = each_row(p, t, "SELECT ns, digest, labels FROM content", on_content, err);
    if (r == 0)
        r = each_row(p, t, "SELECT ns, ref, expected, updated FROM ingest", on_ingest, err);
    return r;
}

/* ---- sweeping rows ---- */

struct doomed_row {
    char *ns, *key;
    gc_id id;
    int64_t size;
};

struct doomed_list {
    struct doomed_row *items;
    size_t n;
};

static void
doomed_list_done(struct doomed_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->items[i].ns);
        free(l->items[i].key);
    }
    free(l->items);
}

/* Rows "ns, key, size" of this type that were not reached; the others get their verdict at once. */
static int
find_doomed(struct pass *p, struct db_txn *t, enum gc_type type, const char *sql,
            struct doomed_list *ret, struct err *err)
{
    AUTO_PTR(db_stmt) q = NULL;
    int r;

    r = db_query(t, &q, err, sql);
    while (r >= 0 && (r = db_stmt_next(q, err)) > 0) {
        gc_id id = node_of(p, type, q);
        int64_t size = db_stmt_int(q, 2);

        if (gc_graph_is_kept(p->graph, id)) {
            say(p, id, true, NULL, size);
            if (type == GC_CONTENT) {
                p->stats.blobs_kept++;
                p->stats.bytes_kept += size;
            }
            continue;
        }
        if ((ret->n & (ret->n - 1)) == 0)
            ret->items = xreallocarray(ret->items, ret->n ? 2 * ret->n : 1, sizeof *ret->items);
        ret->items[ret->n++] = (struct doomed_row){.ns = xstrdup(db_stmt_text(q, 0)),
                                                   .key = xstrdup(db_stmt_text(q, 1)),
                                                   .id = id,
                                                   .size = size};
    }
    return r;
}

static void
doom_blob(struct pass *p, const struct digest *d)
{
    if ((p->n_doomed & (p->n_doomed - 1)) == 0)
        p->doomed = xreallocarray(p->doomed, p->n_doomed ? 2 * p->n_doomed : 1, sizeof *p->doomed);
    p->doomed[p->n_doomed++] = *d;
}

static int
sweep_content(struct pass *p, struct db_txn *t, struct err *err)
{
    AUTO(doomed_list) l = {0};
    int r;

    r = find_doomed(
        p, t, GC_CONTENT,
        "SELECT c.ns, c.digest, b.size FROM content c JOIN blob b ON b.digest = c.digest", &l, err);
    for (size_t i = 0; r == 0 && i < l.n; i++) {
        struct digest d;
        bool last = false;

        say(p, l.items[i].id, false, "nothing refers to it", l.items[i].size);
        p->stats.blobs_removed++;
        p->stats.bytes_removed += l.items[i].size;
        if (p->run->dry_run)
            continue;
        r = digest_parse(l.items[i].key, &d, err);
        if (r == 0)
            r = content_meta_delete(t, l.items[i].ns, &d, &last, err);
        if (last)
            doom_blob(p, &d);
    }
    return r;
}

static int
sweep_ingests(struct pass *p, struct db_txn *t, struct err *err)
{
    AUTO(doomed_list) l = {0};
    int r;

    r = find_doomed(p, t, GC_INGEST, "SELECT ns, ref, offset FROM ingest", &l, err);
    for (size_t i = 0; r == 0 && i < l.n; i++) {
        say(p, l.items[i].id, false, "an unfinished write that nobody continued for a day",
            l.items[i].size);
        p->stats.ingests_removed++;
        strv_add(&p->gone_ingests, l.items[i].ns);
        strv_add(&p->gone_ingests, l.items[i].key);
    }
    return r;
}

static int
sweep_records(struct pass *p, struct db_txn *t, struct err *err)
{
    AUTO(doomed_list) leases = {0};
    AUTO(doomed_list) images = {0};
    int r;

    r = find_doomed(p, t, GC_LEASE, "SELECT ns, id, 0 FROM lease", &leases, err);
    for (size_t i = 0; r >= 0 && i < leases.n; i++) {
        say(p, leases.items[i].id, false, "expired", 0);
        p->stats.leases_removed++;
        if (!p->run->dry_run)
            r = lease_meta_delete(t, leases.items[i].ns, leases.items[i].key, err);
    }
    if (r >= 0)
        r = find_doomed(p, t, GC_IMAGE, "SELECT ns, name, 0 FROM image", &images, err);
    for (size_t i = 0; r >= 0 && i < images.n; i++) {
        say(p, images.items[i].id, false, "expired", 0);
        p->stats.images_removed++;
        if (!p->run->dry_run)
            r = db_run(t, err, "DELETE FROM image WHERE ns = ?1 AND name = ?2",
                       DB_TEXT(images.items[i].ns), DB_TEXT(images.items[i].key));
    }
    return r < 0 ? r : 0;
}

static int
mark_and_sweep_rows(struct pass *p, struct err *err)
{
    AUTO(db_txn) t = {0};
    int r;

    r = db_txn_begin(p->run->db, p->run->dry_run ? DB_READ : DB_WRITE, &t, err);
    if (r == 0)
        r = read_records(p, &t, err);
    if (r < 0)
        return r;
    mention_snapshots(p);
    gc_graph_mark(p->graph);
    r = sweep_records(p, &t, err);
    if (r == 0)
        r = sweep_content(p, &t, err);
    if (r == 0)
        r = sweep_ingests(p, &t, err);
    return r < 0 ? r : db_txn_commit(&t, err);
}

/* ---- after the commit ---- */

static bool
has_row(struct db *db, const struct digest *d)
{
    AUTO(db_txn) t = {0};
    int64_t size, created;

    return db_txn_begin(db, DB_READ, &t, NULL) < 0 ||
           content_meta_blob(&t, d, &size, &created, NULL) != -CODE_NOT_FOUND;
}

static int
remove_files(struct pass *p, struct err *err)
{
    struct content_store *s = p->run->store;
    int r = 0;

    for (size_t i = 0; r == 0 && i < p->n_doomed; i++) {
        content_store_lock_digest(s, &p->doomed[i]);
        if (!has_row(p->run->db, &p->doomed[i]))
            r = blob_store_remove(content_store_files(s), &p->doomed[i], err);
        content_store_unlock_digest(s, &p->doomed[i]);
    }
    for (size_t i = 0; r == 0 && i + 1 < p->gone_ingests.n; i += 2) {
        bool found;

        if (!content_store_is_writing(s, p->gone_ingests.items[i], p->gone_ingests.items[i + 1]))
            r = content_store_abort(s, p->gone_ingests.items[i], p->gone_ingests.items[i + 1],
                                    &found, err);
    }
    return r;
}

/* ---- snapshots: sweeping ---- */

static const char *
spared_because(const struct pass *p, const struct snapshot_row *s)
{
    if (s->may_be_awaited && s->created_ns > p->now_ns - GC_SNAPSHOT_GRACE_NS)
        return "it is less than ten minutes old";
    if (s->created_ns >= p->oldest_lease_ns)
        return "it is younger than a lease in force";
    return NULL;
}

/* From a leaf towards the base, as far as nothing is in the way. */
static void
remove_chain(struct pass *p, struct snapshot_row *s)
{
    const struct call_ctx ctx = {0};

    while (s && !s->removed && !s->children && !gc_graph_is_kept(p->graph, s->id) &&
           !spared_because(p, s)) {
        say(p, s->id, false, "nothing refers to it", 0);
        if (!p->run->dry_run && snapshots_remove(p->run->snapshots, &ctx, s->name, NULL) < 0)
            return;
        s->removed = true;
        p->stats.snapshots_removed++;
        s = s->parent_row;
        if (s)
            s->children--;
    }
}

static void
link_parents(struct pass *p)
{
    size_t n = gc_graph_count(p->graph);
    auto_free struct snapshot_row **by_id = xcalloc(n + 1, sizeof(struct snapshot_row *));

    for (size_t i = 0; i < p->n_snapshots; i++)
        by_id[p->snapshots[i].id] = &p->snapshots[i];
    for (size_t i = 0; i < p->n_snapshots; i++) {
        struct snapshot_row *s = &p->snapshots[i];

        if (*s->parent)
            s->parent_row = by_id[snapshot_id(p, p->run->snapshotter, s->parent)];
        if (s->parent_row)
            s->parent_row->children++;
    }
}

static void
sweep_snapshots(struct pass *p)
{
    const struct call_ctx ctx = {0};

    link_parents(p);
    for (size_t i = 0; i < p->n_snapshots; i++)
        remove_chain(p, &p->snapshots[i]);
    for (size_t i = 0; i < p->n_snapshots; i++)
        if (!p->snapshots[i].removed)
            say(p, p->snapshots[i].id, true,
                gc_graph_is_kept(p->graph, p->snapshots[i].id)
                    ? NULL
                    : spared_because(p, &p->snapshots[i]),
                0);
    if (p->stats.snapshots_removed && !p->run->dry_run)
        (void) snapshots_cleanup(p->run->snapshots, &ctx, NULL);
}

int
gc_run(const struct gc_run *run, struct gc_stats *ret, struct err *err)
{
    struct pass p = {.run = run,
                     .graph = gc_graph_new(),
                     .now_ns = clock_now_ns(),
                     .oldest_lease_ns = INT64_MAX};
    int r;

    r = list_snapshots(&p, err);
    if (r == 0)
        r = mark_and_sweep_rows(&p, err);
    if (r == 0 && !run->dry_run)
        r = remove_files(&p, err);
    if (r == 0)
        sweep_snapshots(&p);
    *ret = p.stats;
    pass_done(&p);
    return r;
}
