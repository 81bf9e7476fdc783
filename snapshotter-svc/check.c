/* SPDX-License-Identifier: Apache-2.0 */
/* Do database, directories and mounts agree? */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/strv.h"
#include "libross/db/db_copy.h"
#include "libross/mount/mountinfo.h"
#include "overlay/overlay_mounts.h"
#include "snap_dirs.h"
#include "snap_meta.h"
#include "usage.h"

struct check {
    struct snap_dirs *dirs;
    struct snap_meta *meta;
    bool repair;
    FILE *to;
    uint64_t snapshots, dirs_seen, mounts_seen, found, mended;
};

static void
finding(struct check *c, bool mended, const char *name, uint64_t id, const char *what)
{
    c->found++;
    c->mended += mended;
    (void) fprintf(c->to, "%s %" PRIu64 "%s%s%s: %s%s\n", "snapshot", id, name ? " '" : "",
                   name ? name : "", name ? "'" : "", what, mended ? " (mended)" : "");
}

/* ---- rows against directories ---- */

static bool
remake_dirs(struct check *c, const struct snapshot_info *info, uint64_t id)
{
    return snap_dirs_remove(c->dirs, id, NULL) == 0 &&
           snap_dirs_create(c->dirs, id, info->kind == SNAPSHOT_ACTIVE, 0, 0, NULL) == 0;
}

static void
check_missing_dirs(struct check *c, const struct snapshot_info *info, uint64_t id, int64_t inodes)
{
    bool has_fs = snap_dirs_has(c->dirs, id, false);
    bool empty = info->kind != SNAPSHOT_COMMITTED || inodes == 1;

    if (has_fs)
        finding(c, c->repair && snap_dirs_make_work(c->dirs, id, NULL) == 0, info->name, id,
                "its work directory is missing");
    else
        finding(c, c->repair && empty && remake_dirs(c, info, id), info->name, id,
                empty ? "its directory is missing, and was empty"
                      : "its directory is missing with all it held: remove it and pull it again");
}

static int
check_committed_tree(struct check *c, const struct snapshot_info *info, uint64_t id,
                     const struct snapshot_usage *stored, struct err *err)
{
    auto_close int fd = -1;
    struct usage_scan u = {0};
    int r;

    r = snap_dirs_open_fs(c->dirs, id, &fd, err);
    if (r == 0)
        r = usage_scan(fd, &u, err);
    if (r < 0)
        return r;
    if (u.usage.inodes != stored->inodes)
        finding(c, false, info->name, id,
                "it does not hold as many files as when it was committed: remove it and pull it "
                "again");
    return 0;
}

static int
check_row(struct check *c, const struct snapshot_info *info, uint64_t id, struct err *err)
{
    AUTO(snap_chain) chain = {0};
    int r;

    c->snapshots++;
    r = snap_meta_chain(c->meta, info->name, &chain, err);
    if (r < 0)
        return r;
    if (!snap_dirs_has(c->dirs, id, info->kind == SNAPSHOT_ACTIVE))
        check_missing_dirs(c, info, id, chain.usage.inodes);
    else if (info->kind == SNAPSHOT_COMMITTED)
        r = check_committed_tree(c, info, id, &chain.usage, err);
    return r;
}

static int
check_rows(struct check *c, struct err *err)
{
    struct snap_cursor *cursor = snap_cursor_open(c->meta);
    struct snapshot_info info;
    uint64_t id;
    int r = 0;

    while (r == 0 && snap_cursor_next(cursor, &info, &id, 1)) {
        r = check_row(c, &info, id, err);
        snapshot_info_done(&info);
    }
    snap_cursor_close(cursor);
    return r;
}

/* ---- directories against rows ---- */

static int
check_dir(uint64_t id, const char *name, void *arg, struct err *err)
{
    struct check *c = arg;
    enum snapshot_kind kind;
    size_t parents;

    (void) err;
    c->dirs_seen++;
    if (!id) {
        c->found++;
        (void) fprintf(c->to, "%s/%s: not a snapshot's directory\n", snap_dirs_path(c->dirs), name);
    } else if (!snap_meta_by_id(c->meta, id, &kind, &parents)) {
        finding(c, c->repair && snap_dirs_remove(c->dirs, id, NULL) == 0, NULL, id,
                "there is a directory but no row");
    }
    return 0;
}

/* ---- mounts against rows ---- */

/* The value of "upperdir=" in comma-separated options, malloc'ed, or NULL. */
static char *
upperdir_of(const char *options)
{
    const char *at = strstr(options, "upperdir=");

    if (!at || (at != options && at[-1] != ','))
        return NULL;
    at += strlen("upperdir=");
    return xstrndup(at, strcspn(at, ","));
}

static int
check_mount(const struct mountinfo *m, void *arg)
{
    struct check *c = arg;
    auto_free char *upper = NULL;
    enum snapshot_kind kind;
    size_t parents;
    uint64_t id;

    if (strcmp(m->type, "overlay") != 0)
        return 0;
    upper = upperdir_of(m->super_options);
    if (!upper || !overlay_path_id(snap_dirs_path(c->dirs), upper, &id))
        return 0;
    c->mounts_seen++;
    if (!snap_meta_by_id(c->meta, id, &kind, &parents))
        finding(c, false, NULL, id, "it is removed but still mounted: unmount it");
    else if (kind != SNAPSHOT_ACTIVE)
        finding(c, false, NULL, id, "it is committed but still mounted for writing: unmount it");
    return 0;
}

static int
check_all(struct check *c, struct err *err)
{
    int r;

    r = snap_meta_verify(c->meta, err);
    if (r == 0)
        r = check_rows(c, err);
    if (r == 0)
        r = snap_dirs_each(c->dirs, check_dir, c, err);
    if (r == 0)
        r = mountinfo_each(check_mount, c, err);
    return r;
}

/* The directories below root against the database at db_path. */
static int
check_with(struct check *c, const char *root, const char *db_path, struct err *err)
{
    AUTO_SNAP_DIRS dirs = NULL;
    AUTO_SNAP_META meta = NULL;
    int r;

    r = snap_dirs_open(root, &dirs, err);
    if (r == 0)
        r = snap_meta_open(db_path, false, &meta, err);
    if (r < 0)
        return r;
    c->dirs = dirs;
    c->meta = meta;
    return check_all(c, err);
}

static int
summary(const struct check *c, FILE *to)
{
    (void) fprintf(to,
                   "%" PRIu64 " snapshots, %" PRIu64 " directories, %" PRIu64 " mounts: %" PRIu64
                   " findings, %" PRIu64 " mended\n",
                   c->snapshots, c->dirs_seen, c->mounts_seen, c->found, c->mended);
    return c->found > c->mended;
}

int
check_run(const char *root, bool repair, FILE *to, struct err *err)
{
    auto_free char *db_path = path_join(root, "snapshotter.db");
    struct check c = {.repair = repair, .to = to};
    int r;

    if (access(db_path, F_OK) < 0)
        return err_set(err, CODE_NOT_FOUND, "there is no snapshotter below %s", root);
    r = check_with(&c, root, db_path, err);
    return r < 0 ? r : summary(&c, to);
}

/* ---- beside a running service ---- */

/* The findings of one look with a copy of the database, a line each. */
static int
look(struct check *c, const char *root, const char *scratch, struct strv *ret, struct err *err)
{
    auto_free char *db_path = path_join(root, "snapshotter.db"), *text = NULL, *copy = NULL;
    auto_free char *wal = NULL, *shm = NULL;
    size_t n;
    int r;

    copy = xasprintf("%s/snapshotter-check-%d.db", scratch, (int) getpid());
    wal = xasprintf("%s-wal", copy);
    shm = xasprintf("%s-shm", copy);
    c->to = open_memstream(&text, &n);
    if (!c->to)
        return err_sys(err, errno, "open_memstream");
    (void) unlink(copy);
    r = db_copy(db_path, copy, err);
    if (r == 0)
        r = check_with(c, root, copy, err);
    (void) unlink(copy);
    (void) unlink(wal);
    (void) unlink(shm);
    (void) fclose(c->to);
    if (r == 0 && n) {
        text[n - 1] = '\0';
        *ret = strv_split(text, '\n');
    }
    return r;
}

int
check_beside(const char *root, const char *scratch, FILE *to, struct err *err)
{
    struct check first = {0}, c = {0};
    AUTO(strv) before = {0}, now = {0};
    int r;

    r = look(&first, root, scratch, &before, err);
    if (r < 0 || !before.n)
        return r < 0 ? r : summary(&first, to);
    r = look(&c, root, scratch, &now, err);
    if (r < 0)
        return r;
    c.found = 0;
    for (size_t i = 0; i < now.n; i++) {
        if (!strv_has(&before, now.items[i]))
            continue;
        c.found++;
        (void) fprintf(to, "%s\n", now.items[i]);
    }
    return summary(&c, to);
}
