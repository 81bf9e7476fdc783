/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The snapshots contract on directories and overlayfs.
 *
 * Order of disk and rows: directories, then the row that makes a snapshot visible; the row's end on disk, then the
 * directories' end. So whatever kills us leaves directories without a row, which the reaper finds at the next start.
 * A power cut may also take directories whose row survived, because the two reach the disk in the disk's own order;
 * recover() deals with those once after each boot. docs/internals/snapshots.md has the whole story.
 */
#include "snapshots_local.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fcntl.h>

#include "libross/archive/tree_sync.h"
#include "libross/base/clock.h"
#include "libross/base/fault.h"
#include "libross/base/fd.h"
#include "libross/base/log.h"
#include "libross/base/parse.h"
#include "libross/base/path.h"
#include "libross/filter/filter.h"
#include "overlay/overlay_mounts.h"
#include "overlay/overlay_probe.h"
#include "snap_claims.h"
#include "snap_dirs.h"
#include "snap_index.h"
#include "snap_meta.h"
#include "snap_quota.h"
#include "snap_reaper.h"
#include "snap_spares.h"
#include "tree_walk.h"
#include "usage.h"

struct snapshots_local {
    struct snapshots contract; /* first: the table's functions cast back */
    struct snap_dirs *dirs;
    struct snap_meta *meta;
    struct snap_reaper *reaper;
    struct snap_claims *claims;
    struct snap_spares *spares;
    struct overlay_host host;
    struct strv extra; /* options of every overlay mount */
    enum snapshots_sync sync;
    bool upperdir_label, quota;
};

static struct snapshots_local *
local_of(struct snapshots *s)
{
    return (struct snapshots_local *) s;
}

/* A row has changed: before the caller is told, or soon. */
static int
row_changed(struct snapshots_local *l, struct err *err)
{
    if (l->sync == SNAPSHOTS_SYNC_FULL)
        return snap_meta_sync(l->meta, err);
    snap_reaper_wrote(l->reaper);
    return 0;
}

/* A removed snapshot's directory goes when nobody works in it any more. */
static void
claim_end(struct snapshots_local *l, uint64_t id)
{
    if (snap_claims_end(l->claims, id))
        snap_reaper_add(l->reaper, id);
}

/* ---- answers ---- */

static void
add_upperdir_label(struct snapshots_local *l, uint64_t id, struct snapshot_info *info)
{
    auto_free char *path = NULL;

    if (!l->upperdir_label)
        return;
    path = xasprintf("%s/%" PRIu64 "/fs", snap_dirs_path(l->dirs), id);
    labels_set(&info->labels, LABEL_UPPERDIR, path);
}

static struct mount_list
mounts_of(struct snapshots_local *l, const struct snap_chain *c)
{
    return overlay_mounts(&(struct overlay_mounts_input){
        .kind = c->kind,
        .dir = snap_dirs_path(l->dirs),
        .id = c->id,
        .parent_ids = c->parent_ids,
        .n_parents = c->n_parents,
        .extra = &l->extra,
        .uidmap = l->host.idmap ? labels_find(&c->labels, LABEL_UIDMAP) : NULL,
        .gidmap = l->host.idmap ? labels_find(&c->labels, LABEL_GIDMAP) : NULL,
    });
}

/* ---- Stat, Update, Usage, Mounts ---- */

static int
local_stat(struct snapshots *s, const struct call_ctx *ctx, const char *key,
           struct snapshot_info *ret, struct err *err)
{
    struct snapshots_local *l = local_of(s);
    uint64_t id;
    int r;

    (void) ctx;
    r = snap_meta_stat(l->meta, key, ret, &id, err);
    if (r == 0)
        add_upperdir_label(l, id, ret);
    return r;
}

static int
local_update(struct snapshots *s, const struct call_ctx *ctx, const char *key,
             const struct labels *labels, const struct strv *mask, struct snapshot_info *ret,
             struct err *err)
{
    struct snapshots_local *l = local_of(s);
    AUTO(snapshot_info) info = {0};
    uint64_t id;
    int r;

    (void) ctx;
    r = snap_meta_update(l->meta, key, labels, mask, &info, &id, err);
    if (r == 0)
        r = row_changed(l, err);
    if (r < 0)
        return r;
    add_upperdir_label(l, id, &info);
    *ret = TAKE_STRUCT(info);
    return 0;
}

static int
local_usage(struct snapshots *s, const struct call_ctx *ctx, const char *key,
            struct snapshot_usage *ret, struct err *err)
{
    struct snapshots_local *l = local_of(s);
    AUTO(snap_chain) c = {0};
    auto_close int fd = -1;
    struct usage_scan u;
    int r;

    (void) ctx;
    r = snap_meta_chain(l->meta, key, &c, err);
    if (r < 0)
        return r;
    if (c.kind != SNAPSHOT_ACTIVE) {
        *ret = c.usage;
        return 0;
    }
    r = snap_dirs_open_fs(l->dirs, c.id, &fd, err);
    if (r == 0)
        r = usage_scan(fd, &u, err);
    if (r == 0)
        *ret = u.usage;
    return r;
}

static int
local_mounts(struct snapshots *s, const struct call_ctx *ctx, const char *key,
             struct mount_list *ret, struct err *err)
{
    struct snapshots_local *l = local_of(s);
    AUTO(snap_chain) c = {0};
    int r;

    (void) ctx;
    r = snap_meta_chain(l->meta, key, &c, err);
    if (r < 0)
        return r;
    if (c.kind == SNAPSHOT_COMMITTED)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "snapshot '%.300s' is committed and has no mounts: failed precondition",
                       key);
    *ret = mounts_of(l, &c);
    return 0;
}

/* ---- Prepare and View ---- */

struct owner {
    uid_t uid;
    gid_t gid;
};

/* Mapped root when the labels map ids, else the owner of the layer below, else root (reference 8.6). */
static int
owner_of_new(struct snapshots_local *l, const struct snap_chain *c, const struct labels *labels,
             struct owner *ret, struct err *err)
{
    const char *uidmap = labels_find(labels, LABEL_UIDMAP),
               *gidmap = labels_find(labels, LABEL_GIDMAP);
    struct owner o = {0};
    int r = 0;

    if (c->n_parents && !(uidmap && gidmap))
        r = snap_dirs_owner(l->dirs, c->parent_ids[0], &o.uid, &o.gid, err);
    if (r == 0 && uidmap)
        r = overlay_mapped_root(uidmap, &o.uid, err);
    if (r == 0 && gidmap)
        r = overlay_mapped_root(gidmap, &o.gid, err);
    if (r == 0)
        *ret = o;
    return r;
}

/* The label is a hint: it counts where the filesystem can hold to it. */
static int
limit_size(struct snapshots_local *l, uint64_t id, const struct labels *labels, struct err *err)
{
    const char *text = labels_find(labels, LABEL_MAX_SIZE);
    int64_t max_bytes;
    int r;

    if (!text)
        return 0;
    r = parse_size(text, &max_bytes, err);
    if (r < 0)
        return err_wrap(err, r, "label " LABEL_MAX_SIZE);
    return l->quota && max_bytes > 0 ? snap_quota_set(snap_dirs_fd(l->dirs), id, max_bytes, err)
                                     : 0;
}

static int
make_dirs(struct snapshots_local *l, const struct snap_chain *c, const struct labels *labels,
          struct err *err)
{
    bool active = c->kind == SNAPSHOT_ACTIVE;
    struct owner owner;
    int r;

    r = owner_of_new(l, c, labels, &owner, err);
    if (r != 0)
        return r;
    if (active && owner.uid == 0 && owner.gid == 0)
        r = snap_spares_create(l->spares, c->id, err);
    else
        r = snap_dirs_create(l->dirs, c->id, active, owner.uid, owner.gid, err);
    if (r < 0)
        return r;
    r = limit_size(l, c->id, labels, err);
    if (r < 0)
        (void) snap_dirs_remove(l->dirs, c->id, NULL); /* or at the next start */
    return r;
}

static int
local_prepare(struct snapshots *s, const struct call_ctx *ctx, enum snapshot_kind kind,
              const char *key, const char *parent, const struct labels *labels,
              struct mount_list *ret, struct err *err)
{
    struct snapshots_local *l = local_of(s);
    AUTO(snap_chain) c = {0};
    int r;

    (void) ctx;
    r = snap_labels_check(labels, err);
    if (r == 0)
        r = snap_meta_begin(l->meta, kind, key, parent, &c, err);
    if (r == 0)
        r = make_dirs(l, &c, labels, err);
    if (r < 0)
        return r;
    r = snap_meta_insert(l->meta, &c, key, parent, labels, err);
    if (r < 0) {
        (void) snap_dirs_remove(l->dirs, c.id, NULL); /* or at the next start */
        return r;
    }
    r = row_changed(l, err);
    if (r < 0)
        return r;
    c.labels = labels_clone(labels);
    *ret = mounts_of(l, &c);
    return 0;
}

/* ---- Commit ---- */

static int
strip_entry(int dir_fd, const char *name, const struct stat *st, void *arg, struct err *err)
{
    static const char *const opaque[] = {"trusted.overlay.opaque", "user.overlay.opaque"};
    auto_close int fd = -1;
    size_t *stripped = arg;

    if (S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0)) {
        if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
            return err_sys(err, errno, "remove whiteout '%s'", name);
        (*stripped)++;
    }
    if (!S_ISDIR(st->st_mode))
        return 0;
    fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    for (size_t i = 0; fd >= 0 && i < ARRAY_LEN(opaque); i++)
        if (fremovexattr(fd, opaque[i]) == 0)
            (*stripped)++;
    return 0;
}

/*
 * A layer that was unpacked without a parent and did not get one: there is nothing below that its whiteouts could hide,
 * and in a bind mount they would be seen.
 */
static int
strip_whiteouts(int fs_fd, struct usage_scan *u, struct err *err)
{
    size_t stripped = 0;
    int r;

    r = tree_walk(fs_fd, strip_entry, &stripped, err);
    if (r == 0 && stripped)
        r = usage_scan(fs_fd, u, err);
    return r;
}

/*
 * Makes the tree durable before a row calls it committed. Nothing to do when Diff.Apply has done it and nothing
 * changed since, and for a directory of which nothing is lost when it is lost: recover() makes it again.
 */
static int
sync_tree(struct snapshots_local *l, const struct snap_chain *c, int fs_fd,
          const struct usage_scan *u, struct err *err)
{
    int r, e = FAULT("snap.commit.sync");

    if (e)
        return err_sys(err, e, "sync snapshot %" PRIu64, c->id);
    if (l->sync == SNAPSHOTS_SYNC_NONE || (u->pristine && u->uid == 0 && u->gid == 0))
        return 0;
    if (u->newest_ctime_ns <= c->synced_ns)
        return 0;
    r = tree_sync(fs_fd, err);
    if (r == 0)
        r = snap_dirs_sync_names(l->dirs, c->id, err);
    return r;
}

/* Everything is checked, and nobody fills the directory until claim_end(). */
static int
commit_begin(struct snapshots_local *l, const struct call_ctx *ctx, const char *name,
             const char *key, const char *parent, struct snap_chain *ret, struct err *err)
{
    AUTO(snap_chain) seen = {0};
    int r;

    r = snap_meta_commit_check(l->meta, name, key, parent, &seen, err);
    if (r < 0)
        return r;
    r = snap_claims_commit(l->claims, seen.id, ctx, err);
    if (r < 0)
        return err_wrap(err, r, "commit '%.200s'", key);
    /* what was written since, and by whom */
    r = snap_meta_commit_check(l->meta, name, key, parent, ret, err);
    if (r == 0 && ret->id != seen.id)
        r = err_set(err, CODE_NOT_FOUND, "snapshot '%.300s' is another one now: not found", key);
    if (r < 0)
        claim_end(l, seen.id);
    return r;
}

/* The directory's content is complete and durable; *ret is what it holds. */
static int
commit_tree(struct snapshots_local *l, const struct snap_chain *c, struct usage_scan *ret,
            struct err *err)
{
    auto_close int fd = -1;
    int r;

    r = snap_dirs_open_fs(l->dirs, c->id, &fd, err);
    if (r == 0)
        r = usage_scan(fd, ret, err);
    if (r == 0 && c->overlay_form && !c->n_parents)
        r = strip_whiteouts(fd, ret, err);
    if (r == 0)
        r = sync_tree(l, c, fd, ret, err);
    return r;
}

static int
local_commit(struct snapshots *s, const struct call_ctx *ctx, const char *name, const char *key,
             const char *parent, const struct labels *labels, struct err *err)
{
    struct snapshots_local *l = local_of(s);
    AUTO(snap_chain) c = {0};
    struct usage_scan u;
    int r;

    r = snap_labels_check(labels, err);
    if (r == 0)
        r = commit_begin(l, ctx, name, key, parent, &c, err);
    if (r < 0)
        return r;
    r = commit_tree(l, &c, &u, err);
    if (r == 0)
        r = snap_meta_commit(l->meta, &c, name, key, parent, labels, &u.usage, err);
    claim_end(l, c.id);
    return r;
}

/* ---- Remove, Cleanup ---- */

static int
local_remove(struct snapshots *s, const struct call_ctx *ctx, const char *key, struct err *err)
{
    struct snapshots_local *l = local_of(s);
    uint64_t id;
    int r;

    (void) ctx;
    r = snap_meta_remove(l->meta, key, &id, err);
    if (r < 0)
        return r;
    if (l->quota)
        snap_quota_clear(snap_dirs_fd(l->dirs), id);
    if (!snap_claims_revoke(l->claims, id))
        snap_reaper_add(l->reaper, id);
    return l->sync == SNAPSHOTS_SYNC_FULL ? snap_meta_sync(l->meta, err) : 0;
}

static int
local_cleanup(struct snapshots *s, const struct call_ctx *ctx, struct err *err)
{
    (void) ctx;
    return snap_reaper_drain(local_of(s)->reaper, err);
}

/* ---- List ---- */

static const char *
info_field(const void *object, const struct filter_path *path)
{
    static const char *const kinds[] = {"unknown", "view", "active", "committed"};
    const struct snapshot_info *i = object;

    if (strcmp(path->parts[0], "labels") == 0 && path->n > 1)
        return labels_find(&i->labels, path->rest);
    if (path->n != 1)
        return NULL;
    if (strcmp(path->parts[0], "name") == 0)
        return i->name;
    if (strcmp(path->parts[0], "parent") == 0)
        return i->parent;
    if (strcmp(path->parts[0], "kind") == 0)
        return kinds[i->kind];
    return NULL;
}

#define LIST_BATCH 100

static int
list_batch(struct snapshots_local *l, const struct call_ctx *ctx, const struct filter *filter,
           struct snap_cursor *cursor, snapshot_info_fn fn, void *arg, bool *ret_end,
           struct err *err)
{
    struct snapshot_info infos[LIST_BATCH];
    uint64_t ids[LIST_BATCH];
    size_t n = snap_cursor_next(cursor, infos, ids, LIST_BATCH);
    int r = 0;

    if (call_ctx_cancelled(ctx))
        r = err_set(err, CODE_CANCELED, "list of snapshots: the caller is gone");
    for (size_t i = 0; i < n; i++) {
        add_upperdir_label(l, ids[i], &infos[i]);
        if (r == 0 && filter_match(filter, info_field, &infos[i]))
            r = fn(&infos[i], arg);
        snapshot_info_done(&infos[i]);
    }
    *ret_end = n == 0;
    return r;
}

static int
local_list(struct snapshots *s, const struct call_ctx *ctx, const struct strv *filters,
           snapshot_info_fn fn, void *arg, struct err *err)
{
    struct snapshots_local *l = local_of(s);
    AUTO_PTR(filter) filter = NULL;
    struct snap_cursor *cursor;
    bool end = false;
    int r;

    r = filter_parse_all(filters, &filter, err);
    if (r < 0)
        return r;
    cursor = snap_cursor_open(l->meta);
    while (r == 0 && !end)
        r = list_batch(l, ctx, filter, cursor, fn, arg, &end, err);
    snap_cursor_close(cursor);
    return r;
}

bool
snapshots_local_is_on_disk(struct snapshots_local *l)
{
    return snap_meta_is_synced(l->meta);
}

/* ---- Diff's questions ---- */

/* Once it is claimed: what it is does not change before the claim's end. */
static int
target_of(struct snapshots_local *l, uint64_t id, struct snapshots_target *ret, struct err *err)
{
    enum snapshot_kind kind;
    size_t n_parents;

    if (!snap_meta_by_id(l->meta, id, &kind, &n_parents))
        return err_set(err, CODE_NOT_FOUND,
                       "the snapshot of the directory %s/%" PRIu64 " is no more: not found",
                       snap_dirs_path(l->dirs), id);
    if (kind != SNAPSHOT_ACTIVE)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "the snapshot of the directory %s/%" PRIu64
                       " is not active: failed precondition",
                       snap_dirs_path(l->dirs), id);
    ret->id = id;
    ret->parentless = n_parents == 0;
    return 0;
}

int
snapshots_local_fill_begin(struct snapshots_local *l, const struct call_ctx *ctx, const char *path,
                           struct snapshots_target *ret, struct err *err)
{
    struct snapshots_target t = {
        .userxattr = l->host.userxattr,
        .durable = l->sync != SNAPSHOTS_SYNC_NONE,
    };
    uint64_t id;
    int r;

    *ret = (struct snapshots_target){0};
    if (!overlay_path_id(snap_dirs_path(l->dirs), path, &id))
        return 0;
    r = snap_claims_fill(l->claims, id, ctx, err);
    if (r < 0)
        return r;
    r = target_of(l, id, &t, err);
    if (r < 0) {
        claim_end(l, id);
        return r;
    }
    *ret = t;
    return 0;
}

void
snapshots_local_fill_end(struct snapshots_local *l, const struct snapshots_target *t)
{
    if (t->id)
        claim_end(l, t->id);
}

bool
snapshots_local_fill_is_vain(struct snapshots_local *l, const struct snapshots_target *t)
{
    return t->id && snap_claims_is_revoked(l->claims, t->id);
}

char *
snapshots_local_namespace(struct snapshots_local *l, const char *path)
{
    auto_free char *name = NULL;
    const char *slash;
    size_t digits;
    uint64_t id;

    if (!overlay_path_id(snap_dirs_path(l->dirs), path, &id))
        return NULL;
    name = snap_meta_name_of(l->meta, id);
    slash = name ? strchr(name, '/') : NULL;
    if (!slash || slash == name)
        return NULL;
    digits = strspn(slash + 1, "0123456789");
    if (!digits || slash[1 + digits] != '/')
        return NULL;
    return xstrndup(name, (size_t) (slash - name));
}

int
snapshots_local_will_hold_whiteouts(struct snapshots_local *l, uint64_t id, struct err *err)
{
    return snap_meta_mark_overlay_form(l->meta, id, err);
}

int
snapshots_local_is_synced(struct snapshots_local *l, uint64_t id, struct err *err)
{
    int r;

    if (l->sync == SNAPSHOTS_SYNC_NONE)
        return 0;
    r = snap_dirs_sync_names(l->dirs, id, err);
    if (r == 0)
        snap_meta_mark_synced(l->meta, id, clock_now_ns());
    return r;
}

/* ---- recovery after a power cut ---- */

static int
highest_dir(uint64_t id, const char *name, void *arg, struct err *err)
{
    uint64_t *highest = arg;

    (void) name;
    (void) err;
    if (id > *highest)
        *highest = id;
    return 0;
}

/*
 * The row reached the disk and the directories did not. An active snapshot or view of that age held nothing that was
 * promised to anybody, a committed one of a single inode is an empty directory: both are made again. Any other
 * committed one would be a broken promise; its row stays, so that `check` can name it.
 */
static int
mend(struct snapshots_local *l, const struct snapshot_info *info, uint64_t id,
     const struct snap_chain *c, struct err *err)
{
    struct owner owner = {0};
    int r;

    if (info->kind == SNAPSHOT_COMMITTED && c->usage.inodes > 1) {
        log_error("the directory of a committed snapshot is missing; remove and pull it again",
                  KV_STR("name", info->name), KV_INT("id", (int64_t) id));
        return 0;
    }
    log_warn("making the directories of a snapshot again that a power cut took",
             KV_STR("name", info->name), KV_INT("id", (int64_t) id));
    if (info->kind != SNAPSHOT_COMMITTED)
        (void) owner_of_new(l, c, &info->labels, &owner, NULL);
    r = snap_dirs_remove(l->dirs, id, err);
    if (r == 0)
        r = snap_dirs_create(l->dirs, id, info->kind == SNAPSHOT_ACTIVE, owner.uid, owner.gid, err);
    return r;
}

static int
mend_kind(struct snapshots_local *l, bool committed, struct err *err)
{
    struct snap_cursor *cursor = snap_cursor_open(l->meta);
    struct snapshot_info info;
    uint64_t id;
    int r = 0;

    while (r == 0 && snap_cursor_next(cursor, &info, &id, 1)) {
        AUTO(snap_chain) c = {0};

        if ((info.kind == SNAPSHOT_COMMITTED) == committed &&
            !snap_dirs_has(l->dirs, id, info.kind == SNAPSHOT_ACTIVE))
            r = snap_meta_chain(l->meta, info.name, &c, err);
        if (c.id)
            r = mend(l, &info, id, &c, err);
        snapshot_info_done(&info);
    }
    snap_cursor_close(cursor);
    return r;
}

static int
recover(struct snapshots_local *l, struct err *err)
{
    uint64_t highest = 0;
    int r;

    if (!snap_meta_machine_restarted(l->meta))
        return 0;
    r = mend_kind(l, true, err);
    if (r == 0)
        r = mend_kind(l, false, err);
    if (r == 0)
        r = snap_dirs_each(l->dirs, highest_dir, &highest, err);
    if (r == 0)
        r = snap_meta_recovered(l->meta, highest, err);
    return r;
}

/* ---- opening ---- */

static void
local_free(struct snapshots *s)
{
    struct snapshots_local *l = local_of(s);

    snap_reaper_stop(l->reaper);
    snap_claims_free(l->claims);
    snap_meta_close(l->meta);
    snap_spares_free(l->spares);
    snap_dirs_close(l->dirs);
    strv_done(&l->extra);
    free(l);
}

static const struct snapshots_ops local_ops = {
    .stat = local_stat,
    .update = local_update,
    .usage = local_usage,
    .mounts = local_mounts,
    .prepare = local_prepare,
    .commit = local_commit,
    .remove = local_remove,
    .list = local_list,
    .cleanup = local_cleanup,
    .free = local_free,
};

static int
open_parts(struct snapshots_local *l, const struct snapshots_local_options *opt, struct err *err)
{
    static const struct strv none;
    auto_free char *db_path = path_join(opt->root, "snapshotter.db");
    int r;

    r = snap_dirs_open(opt->root, &l->dirs, err);
    if (r == 0)
        r = overlay_probe(snap_dirs_fd(l->dirs), &l->host, err);
    if (r == 0)
        r = snap_meta_open(db_path, opt->sync == SNAPSHOTS_SYNC_NONE, &l->meta, err);
    if (r == 0)
        r = recover(l, err);
    if (r < 0)
        return r;
    l->quota = snap_quota_works(snap_dirs_fd(l->dirs));
    l->extra = overlay_extra_options(opt->mount_options ? opt->mount_options : &none, &l->host);
    l->reaper = snap_reaper_start(l->meta, l->dirs);
    l->spares = snap_spares_new(l->dirs);
    return 0;
}

int
snapshots_local_open(const struct snapshots_local_options *opt, struct snapshots_local **ret,
                     struct err *err)
{
    struct snapshots_local *l = xcalloc(1, sizeof *l);
    int r;

    l->contract.ops = &local_ops;
    l->claims = snap_claims_new();
    l->sync = opt->sync;
    l->upperdir_label = opt->upperdir_label;
    r = open_parts(l, opt, err);
    if (r < 0) {
        local_free(&l->contract);
        return r;
    }
    *ret = l;
    return 0;
}

struct snapshots *
snapshots_local_contract(struct snapshots_local *l)
{
    return &l->contract;
}
