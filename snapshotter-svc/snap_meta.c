/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of every snapshot: the rules, over rows in a file and the same in memory.
 *
 * Writers take `write` from their checks to the change in memory, so what they checked stays true; in between the row
 * goes to the database, whose COMMIT appends to a log and waits for no disk. `lock` guards the memory and is held for
 * moments only: readers never wait for sqlite. Who must be durable calls snap_meta_sync() after it let go of
 * `write`, and the database makes one sync serve all who wait.
 */
#include "snap_meta.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "snap_index.h"
#include "snap_rows.h"

#define IDS_RESERVED 64 /* ids set aside with one write; lost by a crash */

struct snap_meta {
    struct snap_rows *rows;

    pthread_mutex_t
        write; /* one writer at a time; taken before `lock` and before the database's own */
    uint64_t next_id, ids_below;

    pthread_rwlock_t lock;
    struct snap_index index; /* changed by the holder of both locks, read by the holder of one */

    uint64_t first_new_id, known_from;
    char boot_id[BOOT_ID_BYTES]; /* of this boot, "" when unknown */
    bool machine_restarted;
    bool used; /* the database was not made by this process */
};

void
snap_chain_done(struct snap_chain *c)
{
    free(c->parent_ids);
    labels_done(&c->labels);
    *c = (struct snap_chain){0};
}

int
snap_meta_sync(struct snap_meta *m, struct err *err)
{
    return snap_rows_sync(m->rows, err);
}

bool
snap_meta_is_synced(struct snap_meta *m)
{
    return snap_rows_is_synced(m->rows);
}

int
snap_meta_verify(struct snap_meta *m, struct err *err)
{
    return snap_rows_verify(m->rows, err);
}

static int
set_ids_below(struct snap_meta *m, uint64_t below, struct err *err)
{
    int r = snap_rows_set_ids_below(m->rows, below, err);

    if (r == 0)
        m->ids_below = below;
    return r;
}

/* ---- opening ---- */

static int
load(struct snap_meta *m, struct err *err)
{
    struct snap_rows_state state;
    int r;

    r = snap_rows_load(m->rows, &m->index, &state, err);
    if (r < 0)
        return r;
    m->known_from = state.known_from;
    m->machine_restarted = !*m->boot_id || strcmp(state.boot_id, m->boot_id) != 0;
    m->used = state.ids_below > 0;
    m->next_id = state.ids_below ? state.ids_below : 1;
    if (m->index.last && m->next_id <= m->index.last->id)
        m->next_id = m->index.last->id + 1;
    m->ids_below = m->next_id;
    m->first_new_id = m->next_id;
    return 0;
}

int
snap_meta_open(const char *path, bool no_sync, struct snap_meta **ret, struct err *err)
{
    AUTO_SNAP_META m = xcalloc(1, sizeof *m);
    int r;

    (void) pthread_mutex_init(&m->write, NULL);
    (void) pthread_rwlock_init(&m->lock, NULL);
    snap_index_init(&m->index);
    (void) boot_id_read(m->boot_id, NULL);
    r = snap_rows_open(path, no_sync, &m->rows, err);
    if (r < 0)
        return r;
    r = load(m, err);
    if (r < 0)
        return err_wrap(err, r, "load %s", path);
    *ret = TAKE(m);
    return 0;
}

void
snap_meta_close(struct snap_meta *m)
{
    if (!m)
        return;
    if (m->rows && m->next_id && m->next_id < m->ids_below)
        (void) set_ids_below(m, m->next_id, NULL); /* a failure only skips some ids */
    snap_rows_close(m->rows);
    snap_index_done(&m->index);
    (void) pthread_mutex_destroy(&m->write);
    (void) pthread_rwlock_destroy(&m->lock);
    free(m);
}

bool
snap_meta_machine_restarted(const struct snap_meta *m)
{
    return m->machine_restarted;
}

int
snap_meta_recovered(struct snap_meta *m, uint64_t highest_dir, struct err *err)
{
    struct snap_rows_state state = {0};
    int r;

    (void) pthread_mutex_lock(&m->write);
    (void) snprintf(state.boot_id, sizeof state.boot_id, "%s", m->boot_id);
    state.ids_below = m->next_id <= highest_dir ? highest_dir + 1 : m->next_id;
    state.known_from = m->used ? 0 : state.ids_below;
    r = snap_rows_recovered(m->rows, &state, err);
    if (r == 0) {
        m->next_id = m->first_new_id = m->ids_below = state.ids_below;
        m->known_from = m->used ? m->known_from : state.known_from;
        m->machine_restarted = false;
    }
    (void) pthread_mutex_unlock(&m->write);
    return r;
}

uint64_t
snap_meta_first_new_id(const struct snap_meta *m)
{
    return m->first_new_id;
}

uint64_t
snap_meta_known_from(const struct snap_meta *m)
{
    return m->known_from;
}

/* ---- reading; the callers hold a lock ---- */

static int
not_found(const char *what, const char *name, struct err *err)
{
    return err_set(err, CODE_NOT_FOUND, "%s '%.300s' does not exist: not found", what, name);
}

static void
info_of(const struct snap_node *n, struct snapshot_info *ret)
{
    *ret = (struct snapshot_info){
        .name = xstrdup(n->name),
        .parent = xstrdup(n->parent ? n->parent->name : ""),
        .kind = (enum snapshot_kind) n->kind,
        .created_ns = n->created_ns,
        .updated_ns = n->updated_ns,
    };
    (void) snap_labels_unpack(n->labels, n->labels_bytes, &ret->labels);
}

static void
chain_ids(const struct snap_node *parent, struct snap_chain *c)
{
    const struct snap_node *p;
    size_t n = 0;

    for (p = parent; p; p = p->parent)
        n++;
    c->n_parents = n;
    c->parent_ids = n ? xreallocarray(NULL, n, sizeof *c->parent_ids) : NULL;
    n = 0;
    for (p = parent; p; p = p->parent)
        c->parent_ids[n++] = p->id;
}

static void
chain_of(const struct snap_node *n, struct snap_chain *ret)
{
    *ret = (struct snap_chain){
        .id = n->id,
        .kind = (enum snapshot_kind) n->kind,
        .usage = n->usage,
        .overlay_form = n->overlay_form,
        .synced_ns = n->synced_ns,
    };
    chain_ids(n->parent, ret);
    (void) snap_labels_unpack(n->labels, n->labels_bytes, &ret->labels);
}

int
snap_meta_chain(struct snap_meta *m, const char *key, struct snap_chain *ret, struct err *err)
{
    const struct snap_node *n;

    (void) pthread_rwlock_rdlock(&m->lock);
    n = snap_index_find(&m->index, key);
    if (n)
        chain_of(n, ret);
    (void) pthread_rwlock_unlock(&m->lock);
    return n ? 0 : not_found("snapshot", key, err);
}

int
snap_meta_stat(struct snap_meta *m, const char *key, struct snapshot_info *ret, uint64_t *ret_id,
               struct err *err)
{
    const struct snap_node *n;

    (void) pthread_rwlock_rdlock(&m->lock);
    n = snap_index_find(&m->index, key);
    if (n) {
        info_of(n, ret);
        *ret_id = n->id;
    }
    (void) pthread_rwlock_unlock(&m->lock);
    return n ? 0 : not_found("snapshot", key, err);
}

bool
snap_meta_by_id(struct snap_meta *m, uint64_t id, enum snapshot_kind *ret_kind,
                size_t *ret_n_parents)
{
    const struct snap_node *n;

    (void) pthread_rwlock_rdlock(&m->lock);
    n = snap_index_find_id(&m->index, id);
    if (n) {
        *ret_kind = (enum snapshot_kind) n->kind;
        *ret_n_parents = 0;
        for (const struct snap_node *p = n->parent; p; p = p->parent)
            (*ret_n_parents)++;
    }
    (void) pthread_rwlock_unlock(&m->lock);
    return n;
}

char *
snap_meta_name_of(struct snap_meta *m, uint64_t id)
{
    const struct snap_node *n;
    char *name = NULL;

    (void) pthread_rwlock_rdlock(&m->lock);
    n = snap_index_find_id(&m->index, id);
    if (n)
        name = xstrdup(n->name);
    (void) pthread_rwlock_unlock(&m->lock);
    return name;
}

/* ---- Prepare and View ---- */

static int
check_key(const char *key, struct err *err)
{
    if (!*key)
        return err_set(err, CODE_INVALID_ARGUMENT, "a snapshot's name must not be empty");
    if (strlen(key) > SNAPSHOT_KEY_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "a snapshot's name of more than %d bytes",
                       SNAPSHOT_KEY_MAX);
    return 0;
}

/* Parent before key, as containerd does. */
static int
check_new(struct snap_meta *m, const char *key, const char *parent, struct snap_node **ret_parent,
          struct err *err)
{
    struct snap_node *p = NULL;

    if (*parent) {
        p = snap_index_find(&m->index, parent);
        if (!p)
            return not_found("parent snapshot", parent, err);
        if (p->kind != SNAPSHOT_COMMITTED)
            return err_set(err, CODE_INVALID_ARGUMENT,
                           "parent '%.300s' is not a committed snapshot: invalid argument", parent);
    }
    if (snap_index_find(&m->index, key))
        return err_set(err, CODE_ALREADY_EXISTS, "snapshot '%.300s': already exists", key);
    *ret_parent = p;
    return 0;
}

static int
next_id(struct snap_meta *m, uint64_t *ret, struct err *err)
{
    int r;

    if (m->next_id >= m->ids_below) {
        r = set_ids_below(m, m->next_id + IDS_RESERVED, err);
        if (r < 0)
            return r;
    }
    *ret = m->next_id++;
    return 0;
}

int
snap_meta_begin(struct snap_meta *m, enum snapshot_kind kind, const char *key, const char *parent,
                struct snap_chain *ret, struct err *err)
{
    struct snap_chain c = {.kind = kind};
    struct snap_node *p;
    int r;

    r = check_key(key, err);
    if (r < 0)
        return r;
    (void) pthread_mutex_lock(&m->write);
    r = check_new(m, key, parent, &p, err);
    if (r == 0)
        r = next_id(m, &c.id, err);
    if (r == 0)
        chain_ids(p, &c);
    (void) pthread_mutex_unlock(&m->write);
    if (r == 0)
        *ret = c;
    return r;
}

static int
insert_locked(struct snap_meta *m, struct snap_node *n, const struct snap_chain *begun,
              const char *parent, struct err *err)
{
    int r;

    r = check_new(m, n->name, parent, &n->parent, err);
    if (r < 0)
        return r;
    if (n->parent && n->parent->id != begun->parent_ids[0])
        return not_found("parent snapshot", parent, err);
    r = snap_rows_insert(m->rows, n, err);
    if (r < 0)
        return r;
    (void) pthread_rwlock_wrlock(&m->lock);
    snap_index_add(&m->index, n);
    (void) pthread_rwlock_unlock(&m->lock);
    return 0;
}

int
snap_meta_insert(struct snap_meta *m, const struct snap_chain *begun, const char *key,
                 const char *parent, const struct labels *labels, struct err *err)
{
    struct snap_node *n = snap_node_new(begun->id, begun->kind, key);
    int r;

    n->labels = snap_labels_pack(labels, &n->labels_bytes);
    n->created_ns = n->updated_ns = clock_now_ns();
    (void) pthread_mutex_lock(&m->write);
    r = insert_locked(m, n, begun, parent, err);
    (void) pthread_mutex_unlock(&m->write);
    if (r < 0)
        snap_node_free(n);
    return r;
}

/* ---- Commit ---- */

struct commit_nodes {
    struct snap_node *active, *parent; /* parent: as it will be, NULL = none */
};

/* The rebase rules of reference 8.2. */
static int
check_rebase(struct snap_meta *m, const char *parent, struct commit_nodes *c, struct err *err)
{
    struct snap_node *p;

    c->parent = c->active->parent;
    if (!*parent)
        return 0;
    if (c->parent) {
        if (strcmp(c->parent->name, parent) == 0)
            return 0;
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "cannot change the parent of a snapshot from '%.120s' to '%.120s': "
                       "invalid argument",
                       c->parent->name, parent);
    }
    p = snap_index_find(&m->index, parent);
    if (!p)
        return not_found("parent snapshot", parent, err);
    if (p->kind != SNAPSHOT_COMMITTED)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "parent '%.300s' is not a committed snapshot: failed precondition", parent);
    c->parent = p;
    return 0;
}

/* Name before key. */
static int
check_commit(struct snap_meta *m, const char *name, const char *key, const char *parent,
             struct commit_nodes *ret, struct err *err)
{
    if (snap_index_find(&m->index, name))
        return err_set(err, CODE_ALREADY_EXISTS, "committed snapshot '%.300s': already exists",
                       name);
    ret->active = snap_index_find(&m->index, key);
    if (!ret->active)
        return not_found("snapshot", key, err);
    if (ret->active->kind != SNAPSHOT_ACTIVE)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "snapshot '%.300s' is not active: failed precondition", key);
    return check_rebase(m, parent, ret, err);
}

int
snap_meta_commit_check(struct snap_meta *m, const char *name, const char *key, const char *parent,
                       struct snap_chain *ret, struct err *err)
{
    struct commit_nodes c;
    int r;

    r = check_key(name, err);
    if (r < 0)
        return r;
    (void) pthread_rwlock_rdlock(&m->lock);
    r = check_commit(m, name, key, parent, &c, err);
    if (r == 0) {
        chain_of(c.active, ret);
        free(ret->parent_ids);
        chain_ids(c.parent, ret);
    }
    (void) pthread_rwlock_unlock(&m->lock);
    return r;
}

/* `n` is what the row will say; its strings move into the node of the index. */
static int
commit_locked(struct snap_meta *m, struct snap_node *n, const char *key, const char *parent,
              struct err *err)
{
    struct commit_nodes c;
    int r;

    r = check_commit(m, n->name, key, parent, &c, err);
    if (r < 0)
        return r;
    if (c.active->id != n->id)
        return not_found("snapshot", key, err);
    n->parent = c.parent;
    r = snap_rows_commit(m->rows, n, err);
    if (r < 0)
        return r;
    (void) pthread_rwlock_wrlock(&m->lock);
    snap_index_rename(&m->index, c.active, TAKE(n->name));
    snap_index_set_parent(c.active, c.parent);
    free(c.active->labels);
    c.active->labels = TAKE(n->labels);
    c.active->labels_bytes = n->labels_bytes;
    c.active->kind = SNAPSHOT_COMMITTED;
    c.active->created_ns = c.active->updated_ns = n->created_ns;
    c.active->usage = n->usage;
    c.active->overlay_form = false;
    (void) pthread_rwlock_unlock(&m->lock);
    return 0;
}

int
snap_meta_commit(struct snap_meta *m, const struct snap_chain *checked, const char *name,
                 const char *key, const char *parent, const struct labels *labels,
                 const struct snapshot_usage *usage, struct err *err)
{
    struct snap_node *n = snap_node_new(checked->id, SNAPSHOT_COMMITTED, name);
    int r;

    n->labels = snap_labels_pack(labels, &n->labels_bytes);
    n->usage = *usage;
    n->created_ns = clock_now_ns();
    (void) pthread_mutex_lock(&m->write);
    r = commit_locked(m, n, key, parent, err);
    (void) pthread_mutex_unlock(&m->write);
    snap_node_free(n);
    if (r < 0)
        return r;
    return snap_meta_sync(m, err);
}

/* ---- Remove and Update ---- */

static int
delete_locked(struct snap_meta *m, struct snap_node *n, struct err *err)
{
    int r = snap_rows_delete(m->rows, n, err);

    if (r < 0)
        return r;
    (void) pthread_rwlock_wrlock(&m->lock);
    snap_index_del(&m->index, n);
    (void) pthread_rwlock_unlock(&m->lock);
    return 0;
}

static int
check_remove(const struct snap_node *n, const char *key, struct err *err)
{
    if (!n)
        return not_found("snapshot", key, err);
    if (n->n_children)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "cannot remove snapshot '%.300s' with %u children: failed precondition", key,
                       n->n_children);
    return 0;
}

int
snap_meta_remove(struct snap_meta *m, const char *key, uint64_t *ret_id, struct err *err)
{
    struct snap_node *n;
    int r;

    (void) pthread_mutex_lock(&m->write);
    n = snap_index_find(&m->index, key);
    r = check_remove(n, key, err);
    if (r == 0)
        r = delete_locked(m, n, err);
    (void) pthread_mutex_unlock(&m->write);
    if (r < 0)
        return r;
    *ret_id = n->id;
    snap_node_free(n);
    return 0;
}

int
snap_meta_forget(struct snap_meta *m, uint64_t id, struct err *err)
{
    struct snap_node *n;
    int r = 0;

    (void) pthread_mutex_lock(&m->write);
    n = snap_index_find_id(&m->index, id);
    if (n)
        r = check_remove(n, n->name, err);
    if (n && r == 0)
        r = delete_locked(m, n, err);
    (void) pthread_mutex_unlock(&m->write);
    if (n && r == 0)
        snap_node_free(n);
    return r;
}

static int
update_locked(struct snap_meta *m, struct snap_node *n, const struct labels *from,
              const struct strv *mask, struct err *err)
{
    struct snap_node row = *n;
    AUTO(labels) labels = {0};
    int r;

    (void) snap_labels_unpack(n->labels, n->labels_bytes, &labels);
    r = labels_apply_mask(&labels, from, mask, err);
    if (r == 0)
        r = snap_labels_check(&labels, err);
    if (r < 0)
        return r;
    row.labels = snap_labels_pack(&labels, &row.labels_bytes);
    row.updated_ns = clock_now_ns();
    r = snap_rows_update(m->rows, &row, err);
    if (r < 0) {
        free(row.labels);
        return r;
    }
    (void) pthread_rwlock_wrlock(&m->lock);
    free(n->labels);
    n->labels = row.labels;
    n->labels_bytes = row.labels_bytes;
    n->updated_ns = row.updated_ns;
    (void) pthread_rwlock_unlock(&m->lock);
    return 0;
}

int
snap_meta_update(struct snap_meta *m, const char *key, const struct labels *labels,
                 const struct strv *mask, struct snapshot_info *ret, uint64_t *ret_id,
                 struct err *err)
{
    struct snap_node *n;
    int r;

    if (!*key)
        return err_set(err, CODE_INVALID_ARGUMENT, "a snapshot's name must not be empty");
    (void) pthread_mutex_lock(&m->write);
    n = snap_index_find(&m->index, key);
    r = n ? update_locked(m, n, labels, mask, err) : not_found("snapshot", key, err);
    if (r == 0) {
        info_of(n, ret);
        *ret_id = n->id;
    }
    (void) pthread_mutex_unlock(&m->write);
    return r;
}

/* ---- marks ---- */

int
snap_meta_mark_overlay_form(struct snap_meta *m, uint64_t id, struct err *err)
{
    struct snap_node *n;
    int r = 0;

    (void) pthread_mutex_lock(&m->write);
    n = snap_index_find_id(&m->index, id);
    if (!n || n->kind != SNAPSHOT_ACTIVE)
        r = err_set(err, CODE_NOT_FOUND, "active snapshot %" PRIu64 " does not exist", id);
    else if (!n->overlay_form)
        r = snap_rows_mark_overlay_form(m->rows, n, err);
    if (r == 0) {
        (void) pthread_rwlock_wrlock(&m->lock);
        n->overlay_form = true;
        (void) pthread_rwlock_unlock(&m->lock);
    }
    (void) pthread_mutex_unlock(&m->write);
    return r;
}

void
snap_meta_mark_synced(struct snap_meta *m, uint64_t id, int64_t synced_ns)
{
    struct snap_node *n;

    (void) pthread_mutex_lock(&m->write);
    (void) pthread_rwlock_wrlock(&m->lock);
    n = snap_index_find_id(&m->index, id);
    if (n)
        n->synced_ns = synced_ns;
    (void) pthread_rwlock_unlock(&m->lock);
    (void) pthread_mutex_unlock(&m->write);
}

/* ---- listing ---- */

struct snap_cursor {
    struct snap_meta *meta;
    struct snap_mark mark;
};

struct snap_cursor *
snap_cursor_open(struct snap_meta *m)
{
    struct snap_cursor *c = xcalloc(1, sizeof *c);

    c->meta = m;
    (void) pthread_mutex_lock(&m->write);
    (void) pthread_rwlock_wrlock(&m->lock);
    snap_mark_open(&m->index, &c->mark);
    (void) pthread_rwlock_unlock(&m->lock);
    (void) pthread_mutex_unlock(&m->write);
    return c;
}

size_t
snap_cursor_next(struct snap_cursor *c, struct snapshot_info *ret, uint64_t *ret_ids, size_t n)
{
    struct snap_meta *m = c->meta;
    size_t i;

    (void) pthread_rwlock_rdlock(&m->lock);
    for (i = 0; i < n && c->mark.at; i++) {
        info_of(c->mark.at, &ret[i]);
        if (ret_ids)
            ret_ids[i] = c->mark.at->id;
        c->mark.at = c->mark.at->next;
    }
    (void) pthread_rwlock_unlock(&m->lock);
    return i;
}

void
snap_cursor_close(struct snap_cursor *c)
{
    struct snap_meta *m = c->meta;

    (void) pthread_mutex_lock(&m->write);
    (void) pthread_rwlock_wrlock(&m->lock);
    snap_mark_close(&m->index, &c->mark);
    (void) pthread_rwlock_unlock(&m->lock);
    (void) pthread_mutex_unlock(&m->write);
    free(c);
}
