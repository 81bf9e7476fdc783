/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/images/disk_usage.h"

#include <string.h>

#include "api/client/records_client.h"
#include "ross-cli/images/disk_walk.h"
#include "ross-cli/run/container_dir.h"
#include "ross-cli/run/container_status.h"
#include "ross-cli/volume/volume.h"

void
disk_usage_done(struct disk_usage *u)
{
    image_set_done(&u->images);
    for (size_t i = 0; i < u->n_containers; i++) {
        free(u->containers[i].id);
        free(u->containers[i].name);
        free(u->containers[i].image);
        labels_done(&u->containers[i].labels);
    }
    for (size_t i = 0; i < u->n_volumes; i++) {
        free(u->volumes[i].name);
        strv_done(&u->volumes[i].users);
    }
    for (size_t i = 0; i < u->n_leftovers; i++)
        free(u->leftovers[i].key);
    free(u->containers);
    free(u->volumes);
    free(u->leftovers);
    *u = (struct disk_usage){0};
}

struct reading {
    struct session *s;
    struct disk_usage *u;
    struct disk_walk *walk;
    struct snapshots *snapshots;
    struct content *content;
};

/* ---- containers ---- */

static int
note_container(const struct container *c, void *arg)
{
    struct reading *rd = arg;
    struct disk_usage *u = rd->u;
    struct container_status st = {0};
    struct snapshot_usage usage = {0};
    auto_free char *dir = container_dir_path(rd->s->root, rd->s->ctx.ns, c->id);
    int64_t files = 0;
    struct disk_container *to;

    u->containers = xreallocarray(u->containers, u->n_containers + 1, sizeof *u->containers);
    to = &u->containers[u->n_containers++];
    *to = (struct disk_container){.id = xstrdup(c->id),
                                  .name = xstrdup(container_name(c)),
                                  .image = xstrdup(c->image),
                                  .status = "unknown",
                                  .created_ns = c->created_ns,
                                  .labels = labels_clone(&c->labels)};
    if (container_status_get(rd->s, c->id, &st, NULL) == 0) {
        to->status = container_status_name(&st);
        to->alive = st.kind == CONTAINER_RUNNING || st.kind == CONTAINER_PAUSED;
        to->finished_ns = st.finished_ns;
    }
    container_status_done(&st);
    if (c->snapshot_key && *c->snapshot_key &&
        snapshots_usage(rd->snapshots, &rd->s->ctx, c->snapshot_key, &usage, NULL) == 0)
        to->size_bytes = usage.size_bytes;
    if (!rd->s->foreign && disk_walk_tree(rd->walk, dir, &files, NULL) == 0)
        to->size_bytes += files;
    return 0;
}

/* ---- volumes ---- */

static int
read_volumes(struct reading *rd, struct err *err)
{
    struct disk_usage *u = rd->u;
    AUTO(volumes) list = {0};
    int r = volumes_list(rd->s->root, &list, err);

    if (r < 0)
        return r;
    u->volumes = xcalloc(list.n + 1, sizeof *u->volumes);
    for (size_t i = 0; r == 0 && i < list.n; i++) {
        auto_free char *dir = xasprintf("%s/volumes/%s", rd->s->root, list.items[i].name);
        struct disk_volume *v = &u->volumes[u->n_volumes++];
        v->name = xstrdup(list.items[i].name);
        v->anonymous = list.items[i].anonymous;
        v->users = strv_clone(&list.items[i].users);
        r = disk_walk_tree(rd->walk, dir, &v->size_bytes, err);
    }
    return r;
}

/* ---- what is left of interrupted or forgotten work ---- */

static void
add_leftover(struct disk_usage *u, const char *kind, const char *key, int64_t size, const char *why)
{
    u->leftovers = xreallocarray(u->leftovers, u->n_leftovers + 1, sizeof *u->leftovers);
    u->leftovers[u->n_leftovers++] =
        (struct disk_leftover){.kind = kind, .key = xstrdup(key), .size_bytes = size, .why = why};
}

static int
note_blob(const struct content_info *info, void *arg)
{
    struct reading *rd = arg;
    char key[DIGEST_STR_MAX];

    if (!image_set_find(&rd->u->images, digest_format(&info->digest, key), false))
        add_leftover(rd->u, "blob", key, info->size_bytes, "no image has it");
    return 0;
}

static int
note_ingest(const struct ingest_status *status, void *arg)
{
    struct reading *rd = arg;

    add_leftover(rd->u, "ingest", status->ref, status->offset,
                 "a transfer that was interrupted or still runs");
    return 0;
}

static int
note_snapshot(const struct snapshot_info *info, void *arg)
{
    struct strv *names = arg;

    strv_add(names, info->name);
    return 0;
}

static bool
is_container_snapshot(const struct disk_usage *u, const char *name)
{
    for (size_t i = 0; i < u->n_containers; i++)
        if (strcmp(u->containers[i].id, name) == 0)
            return true;
    return false;
}

static int
read_snapshots(struct reading *rd, struct err *err)
{
    AUTO(strv) names = {0}, all = {0};
    int r = snapshots_list(rd->snapshots, &rd->s->ctx, &all, note_snapshot, &names, err);

    for (size_t i = 0; r == 0 && i < names.n; i++) {
        struct snapshot_usage usage = {0};
        if (image_set_find(&rd->u->images, names.items[i], true) ||
            is_container_snapshot(rd->u, names.items[i]) ||
            snapshots_usage(rd->snapshots, &rd->s->ctx, names.items[i], &usage, NULL) < 0)
            continue;
        add_leftover(rd->u, "snapshot", names.items[i], usage.size_bytes,
                     "neither an image nor a container has it");
    }
    return r;
}

static int
read_leftovers(struct reading *rd, struct err *err)
{
    AUTO(strv) all = {0};
    int r = content_list(rd->content, &rd->s->ctx, &all, note_blob, rd, err);

    if (r == 0)
        r = content_list_statuses(rd->content, &rd->s->ctx, &all, note_ingest, rd, err);
    return r < 0 ? r : read_snapshots(rd, err);
}

/* ---- all of it ---- */

int
disk_usage_read(struct session *s, struct disk_usage *ret, struct err *err)
{
    AUTO(disk_usage) u = {.root_bytes = -1};
    AUTO_PTR(disk_walk) walk = disk_walk_new();
    AUTO_PTR(disk_walk) whole = disk_walk_new();
    struct reading rd = {.s = s, .u = &u, .walk = walk};
    AUTO(strv) all = {0};
    struct rpc_channel *ch;
    int r = image_set_read(s, &u.images, err);

    if (r == 0)
        r = session_contentd(s, &ch, err);
    if (r == 0)
        r = session_content(s, &rd.content, err);
    if (r == 0)
        r = session_snapshots(s, &rd.snapshots, err);
    if (r == 0)
        r = containers_client_list(ch, &s->ctx, &all, note_container, &rd, err);
    if (r == 0)
        r = read_leftovers(&rd, err);
    if (r == 0 && !s->foreign)
        r = read_volumes(&rd, err);
    if (r == 0 && !s->foreign)
        r = disk_walk_tree(whole, s->root, &u.root_bytes, err);
    if (r < 0)
        return r;
    *ret = TAKE_STRUCT(u);
    return 0;
}

/* ---- rows ---- */

static struct disk_row
images_row(const struct image_set *set)
{
    struct disk_row row = {.type = "Images"};
    bool *gone = xcalloc(set->n + 1, sizeof *gone);

    for (size_t i = 0; i < set->n; i++) {
        gone[i] = set->items[i].containers == 0;
        row.total += set->items[i].twin == i;
        row.active += set->items[i].twin == i && set->items[i].containers;
    }
    for (size_t i = 0; i < set->n_objects; i++)
        row.size_bytes += set->objects[i].size_bytes;
    row.reclaimable_bytes = image_set_freed(set, gone);
    free(gone);
    return row;
}

static struct disk_row
containers_row(const struct disk_usage *u)
{
    struct disk_row row = {.type = "Containers", .total = u->n_containers};

    for (size_t i = 0; i < u->n_containers; i++) {
        row.active += u->containers[i].alive;
        row.size_bytes += u->containers[i].size_bytes;
        row.reclaimable_bytes += u->containers[i].alive ? 0 : u->containers[i].size_bytes;
    }
    return row;
}

static struct disk_row
volumes_row(const struct disk_usage *u)
{
    struct disk_row row = {.type = "Volumes", .total = u->n_volumes};

    for (size_t i = 0; i < u->n_volumes; i++) {
        row.active += u->volumes[i].users.n > 0;
        row.size_bytes += u->volumes[i].size_bytes;
        row.reclaimable_bytes += u->volumes[i].users.n ? 0 : u->volumes[i].size_bytes;
    }
    return row;
}

static struct disk_row
leftovers_row(const struct disk_usage *u)
{
    struct disk_row row = {.type = "Leftovers", .total = u->n_leftovers};

    for (size_t i = 0; i < u->n_leftovers; i++)
        row.size_bytes += u->leftovers[i].size_bytes;
    row.reclaimable_bytes = row.size_bytes;
    return row;
}

void
disk_usage_rows(const struct disk_usage *u, struct disk_row ret[static DISK_ROWS])
{
    struct disk_row total = {.type = "Total"};

    ret[DISK_IMAGES] = images_row(&u->images);
    ret[DISK_CONTAINERS] = containers_row(u);
    ret[DISK_VOLUMES] = volumes_row(u);
    ret[DISK_LEFTOVERS] = leftovers_row(u);
    for (size_t i = 0; i < DISK_REST; i++) {
        total.total += ret[i].total;
        total.active += ret[i].active;
        total.size_bytes += ret[i].size_bytes;
        total.reclaimable_bytes += ret[i].reclaimable_bytes;
    }
    ret[DISK_REST] = (struct disk_row){.type = "Databases, directories"};
    if (u->root_bytes >= 0) {
        ret[DISK_REST].size_bytes = u->root_bytes - total.size_bytes;
        total.size_bytes = u->root_bytes;
    }
    ret[DISK_TOTAL] = total;
}
