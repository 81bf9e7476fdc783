/* SPDX-License-Identifier: Apache-2.0 */
/* Do the notes, names, bundles and cgroups of containers agree with the records? */
#include "container_check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "api/client/records_client.h"
#include "container_dir.h"
#include "container_lock.h"
#include "container_net.h"
#include "container_remove.h"
#include "container_restart.h"
#include "container_status.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"

#define YOUNG_NS (60 * NS_PER_S) /* what is that new may belong to a command that is at work */

struct known {
    char *id, *name, *snapshot_key;
};

struct check {
    struct session *s;
    bool repair;
    container_check_fn fn;
    struct known *items;
    size_t n, found;
};

static void
tell(struct check *k, bool mended, const char *fmt, ...)
{
    va_list args;
    char *text;

    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0)
        text = NULL;
    va_end(args);
    k->found += !mended;
    k->fn(text ? text : "out of memory", mended);
    free(text);
}

static int
collect(const struct container *c, void *arg)
{
    struct check *k = arg;

    k->items = xreallocarray(k->items, k->n + 1, sizeof *k->items);
    k->items[k->n++] = (struct known){.id = xstrdup(c->id),
                                      .name = xstrdup(container_name(c)),
                                      .snapshot_key = xstrdup(c->snapshot_key)};
    return 0;
}

static const struct known *
find(const struct check *k, const char *id)
{
    for (size_t i = 0; i < k->n; i++)
        if (strcmp(k->items[i].id, id) == 0)
            return &k->items[i];
    return NULL;
}

/* The entries of a directory, none when it is not there. */
static struct strv
entries(const char *path)
{
    DIR *dir = opendir(path);
    struct strv all = {0};
    const struct dirent *e;

    while (dir && (e = readdir(dir)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            strv_add(&all, e->d_name);
    if (dir)
        (void) closedir(dir);
    return all;
}

/* ---- names ---- */

static void
check_names(struct check *k)
{
    const struct session *s = k->s;
    auto_free char *path = xasprintf("%s/containers/names/%s", s->root, s->ctx.ns);
    AUTO(strv) names = entries(path);

    for (size_t i = 0; i < names.n; i++) {
        int64_t since_ns = 0;
        auto_free char *owner = container_name_owner(s->root, s->ctx.ns, names.items[i], &since_ns);
        const struct known *c = owner ? find(k, owner) : NULL;

        if (!owner || (c && strcmp(c->name, names.items[i]) == 0) ||
            since_ns > clock_now_ns() - YOUNG_NS)
            continue;
        if (k->repair)
            container_name_release(s->root, s->ctx.ns, names.items[i], owner);
        tell(k, k->repair,
             c ? "the name '%s' is a second one of container %.12s"
               : "the name '%s' belongs to container %.12s, which is not there",
             names.items[i], owner);
    }
}

/* ---- notes and bundles ---- */

static bool
is_young(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 &&
           (int64_t) st.st_mtim.tv_sec * NS_PER_S > clock_now_ns() - YOUNG_NS;
}

static int
check_notes(struct check *k, struct err *err)
{
    const struct session *s = k->s;
    auto_free char *path = xasprintf("%s/containers/%s", s->root, s->ctx.ns);
    AUTO(strv) ids = entries(path);
    int r = 0;

    for (size_t i = 0; r == 0 && i < ids.n; i++) {
        auto_free char *dir = path_join(path, ids.items[i]);

        if (find(k, ids.items[i]) || is_young(dir))
            continue;
        if (k->repair)
            r = container_dir_remove(s->root, s->ctx.ns, ids.items[i], err);
        tell(k, k->repair && r == 0, "notes of container %.12s, which is not there", ids.items[i]);
    }
    return r;
}

static int
check_bundles(struct check *k, struct err *err)
{
    const struct session *s = k->s;
    auto_free char *path = xasprintf("%s/tasks/%s", s->state, s->ctx.ns);
    AUTO(strv) ids = entries(path);
    int r = 0;

    for (size_t i = 0; r == 0 && i < ids.n; i++) {
        auto_free char *dir = path_join(path, ids.items[i]);
        AUTO(container_status) st = {0};

        if (find(k, ids.items[i])) {
            r = container_status_get(s, ids.items[i], &st, err);
            if (r < 0 || st.kind != CONTAINER_DEAD)
                continue;
            if (k->repair)
                r = container_end_task(s, ids.items[i], err);
            tell(k, k->repair && r == 0, "the shim of container %.12s is gone", ids.items[i]);
        } else if (!is_young(dir)) {
            if (k->repair)
                r = container_end_task_locked(s, ids.items[i], err);
            tell(k, k->repair && r == 0, "a bundle of container %.12s, which is not there",
                 ids.items[i]);
        }
    }
    return r;
}

/* ---- cgroups ---- */

/* And not what a runtime made where a hierarchy is not mounted. */
static bool
is_cgroup(const char *path)
{
    struct statfs fs;

    return statfs(path, &fs) == 0 &&
           (fs.f_type == CGROUP_SUPER_MAGIC || fs.f_type == CGROUP2_SUPER_MAGIC);
}

static void
check_cgroups(struct check *k)
{
    glob_t found = {0};

    (void) glob("/sys/fs/cgroup/ross/*", GLOB_ONLYDIR, NULL, &found);
    (void) glob("/sys/fs/cgroup/*/ross/*", GLOB_ONLYDIR | (found.gl_pathc ? GLOB_APPEND : 0), NULL,
                &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *path = found.gl_pathv[i], *id = strrchr(path, '/') + 1;
        auto_free char *bundle = bundle_path(k->s->state, k->s->ctx.ns, id);

        /* cgroups of other instances, with another ROOT, are none of our business */
        if (!find(k, id) || access(bundle, F_OK) == 0 || !is_cgroup(path))
            continue;
        tell(k, k->repair && rmdir(path) == 0, "the cgroup '%s' of a container that does not run",
             path);
    }
    globfree(&found);
}

/* ---- records ---- */

static int
check_snapshots(struct check *k, struct err *err)
{
    struct snapshots *snapshots;
    int r;

    r = session_snapshots(k->s, &snapshots, err);
    for (size_t i = 0; r == 0 && i < k->n; i++) {
        AUTO(snapshot_info) info = {0};

        if (!*k->items[i].snapshot_key)
            continue;
        r = snapshots_stat(snapshots, &k->s->ctx, k->items[i].snapshot_key, &info, err);
        if (r != -CODE_NOT_FOUND)
            continue;
        tell(k, false, "container '%s' has lost its root filesystem; 'ross-cli rm %s' removes it",
             k->items[i].name, k->items[i].name);
        r = 0;
    }
    return r;
}

static int
check_network(struct check *k, struct err *err)
{
    const struct net_places places = container_net_places(k->s);
    AUTO(net_records) all = {0};
    AUTO(strv) found = {0};
    int r;

    r = net_collect(&places, k->repair, &found, err);
    for (size_t i = 0; r == 0 && i < found.n; i++)
        tell(k, k->repair, "%s", found.items[i]);
    if (r == 0)
        r = net_records_list(&places, &all, err);
    for (size_t i = 0; r == 0 && i < all.n; i++) {
        const struct net_record *rec = &all.items[i];
        auto_free char *bundle = bundle_path(k->s->state, rec->ns, rec->id);
        auto_free char *dir = xasprintf("%s/net/%s", k->s->state, rec->id);

        if (strcmp(rec->ns, k->s->ctx.ns) != 0 || find(k, rec->id) || access(bundle, F_OK) == 0 ||
            is_young(dir))
            continue;
        if (k->repair)
            r = net_down(&places, rec->id, err);
        tell(k, k->repair && r == 0, "the network of container %.12s, which is not there", rec->id);
    }
    return r;
}

int
container_check_all(struct session *s, bool repair, container_check_fn fn, size_t *ret_found,
                    struct err *err)
{
    struct check k = {.s = s, .repair = repair, .fn = fn};
    AUTO(strv) all = {0};
    struct rpc_channel *ch;
    int r;

    r = session_contentd(s, &ch, err);
    if (r == 0)
        r = containers_client_list(ch, &s->ctx, &all, collect, &k, err);
    if (r == 0) {
        check_names(&k);
        r = check_notes(&k, err);
    }
    if (r == 0)
        r = check_bundles(&k, err);
    if (r == 0) {
        check_cgroups(&k);
        r = check_snapshots(&k, err);
    }
    if (r == 0)
        r = check_network(&k, err);
    for (size_t i = 0; i < k.n; i++) {
        free(k.items[i].id);
        free(k.items[i].name);
        free(k.items[i].snapshot_key);
    }
    free(k.items);
    *ret_found = k.found;
    return r;
}
