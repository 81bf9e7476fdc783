/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/images/system_prune.h"

#include <string.h>

#include "api/client/records_client.h"
#include "libross/contract/content.h"
#include "ross-cli/images/gc_ask.h"
#include "ross-cli/run/container_remove.h"
#include "ross-cli/volume/volume.h"

void
system_prune_done(struct system_prune *p)
{
    free(p->containers);
    free(p->images);
    free(p->volumes);
    free(p->volume_why);
    free(p->container_why);
    free(p->image_why);
    *p = (struct system_prune){0};
}

/* One container less for the image and its twins. */
static void
forget_container(struct image_set *set, const char *image)
{
    for (size_t i = 0; i < set->n; i++) {
        if (strcmp(set->items[i].image.name, image) != 0)
            continue;
        for (size_t k = 0; k < set->n; k++)
            if (set->items[k].twin == set->items[i].twin && set->items[k].containers)
                set->items[k].containers--;
        return;
    }
}

static void
plan_container(struct disk_usage *u, size_t i, const struct image_prune *opt,
               struct system_prune *p)
{
    const struct disk_container *c = &u->containers[i];

    if (c->alive) {
        p->container_why[i] = "it runs";
    } else if (!prune_filter_matches(&opt->filter, c->created_ns, &c->labels)) {
        p->container_why[i] = "the filter does not match";
    } else {
        p->container_why[i] = "it does not run";
        p->containers[i] = true;
        p->n_containers++;
        p->freed_bytes += c->size_bytes;
        forget_container(&u->images, c->image);
    }
}

/* A container that stays has it. */
static bool
volume_in_use(const struct disk_usage *u, const struct disk_volume *v, const struct system_prune *p)
{
    for (size_t i = 0; i < v->users.n; i++) {
        const char *colon = strchr(v->users.items[i], ':');
        bool goes = false;
        for (size_t k = 0; colon && k < u->n_containers; k++)
            goes |= p->containers[k] && strcmp(u->containers[k].id, colon + 1) == 0;
        if (!goes)
            return true;
    }
    return false;
}

static void
plan_volume(const struct disk_usage *u, size_t i, const struct image_prune *opt,
            struct system_prune *p)
{
    const struct disk_volume *v = &u->volumes[i];

    if (volume_in_use(u, v, p)) {
        p->volume_why[i] = "a container has it";
    } else if (!opt->volumes) {
        p->volume_why[i] = "volumes stay without --volumes";
    } else if (!v->anonymous) {
        p->volume_why[i] = "it has a name";
    } else {
        p->volume_why[i] = "no container has it, and it has no name";
        p->volumes[i] = true;
        p->n_volumes++;
        p->freed_bytes += v->size_bytes;
    }
}

void
system_prune_plan(struct disk_usage *u, const struct image_prune *opt, struct system_prune *ret)
{
    struct system_prune p = {
        .containers = xcalloc(u->n_containers + 1, sizeof(bool)),
        .images = xcalloc(u->images.n + 1, sizeof(bool)),
        .container_why = xcalloc(u->n_containers + 1, sizeof(char *)),
        .image_why = xcalloc(u->images.n + 1, sizeof(char *)),
        .volumes = xcalloc(u->n_volumes + 1, sizeof(bool)),
        .volume_why = xcalloc(u->n_volumes + 1, sizeof(char *)),
    };

    for (size_t i = 0; i < u->n_containers; i++)
        plan_container(u, i, opt, &p);
    for (size_t i = 0; i < u->n_volumes; i++)
        plan_volume(u, i, opt, &p);
    for (size_t i = 0; i < u->images.n; i++) {
        const char *stays = NULL, *goes = image_prune_reason(&u->images, i, opt, &stays);
        p.images[i] = goes != NULL;
        p.image_why[i] = goes ? goes : stays;
        p.n_images += p.images[i];
    }
    p.freed_bytes += image_set_freed(&u->images, p.images);
    for (size_t i = 0; i < u->n_leftovers; i++)
        p.freed_bytes += u->leftovers[i].size_bytes;
    *ret = p;
}

/* One that a container has taken meanwhile stays. */
static int
remove_volume(const struct session *s, const char *name, struct err *err)
{
    int r = volume_remove(s->root, name, err);

    return r == -CODE_NOT_FOUND || r == -CODE_FAILED_PRECONDITION ? 0 : r;
}

static int
remove_container(struct session *s, const char *id, struct err *err)
{
    struct container c = {0};
    struct rpc_channel *ch;
    int r = session_contentd(s, &ch, err);

    if (r == 0)
        r = containers_client_get(ch, &s->ctx, id, &c, err);
    if (r == 0)
        r = container_remove(s, &c, false, err);
    container_done(&c);
    return r == -CODE_NOT_FOUND || r == -CODE_FAILED_PRECONDITION ? 0 : r;
}

/*
 * What a transfer left. Whoever has the writer is alone: one that somebody goes on with just now is refused to us and
 * stays.
 */
static int
remove_ingest(struct session *s, const char *ref, struct err *err)
{
    const struct content_writer_open open = {.ref = ref};
    struct content_writer *writer;
    struct content *content;
    int r = session_content(s, &content, err);

    if (r < 0)
        return r;
    r = content_writer_open(content, &s->ctx, &open, &writer, err);
    if (r < 0)
        return r == -CODE_UNAVAILABLE ? 0 : r;
    r = content_abort(content, &s->ctx, ref, err);
    content_writer_free(writer);
    return r == -CODE_NOT_FOUND ? 0 : r;
}

int
system_prune_run(struct session *s, const struct disk_usage *u, const struct system_prune *p,
                 struct err *err)
{
    struct snapshots *snapshots;
    int r = 0;

    for (size_t i = 0; r == 0 && i < u->n_containers; i++)
        if (p->containers[i])
            r = remove_container(s, u->containers[i].id, err);
    for (size_t i = 0; r == 0 && i < u->n_volumes; i++)
        if (p->volumes[i])
            r = remove_volume(s, u->volumes[i].name, err);
    if (r == 0)
        r = image_prune_remove(s, &u->images, p->images, err);
    for (size_t i = 0; r == 0 && i < u->n_leftovers; i++)
        if (strcmp(u->leftovers[i].kind, "ingest") == 0)
            r = remove_ingest(s, u->leftovers[i].key, err);
    if (r == 0)
        r = gc_collect(s, err);
    if (r == 0)
        r = session_snapshots(s, &snapshots, err);
    if (r == 0)
        r = snapshots_cleanup(snapshots, &s->ctx, err);
    return r == -CODE_UNIMPLEMENTED ? 0 : r;
}
