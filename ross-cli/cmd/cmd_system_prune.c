/* SPDX-License-Identifier: Apache-2.0 */
/* system prune: everything that nobody needs, in one go. */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "confirm.h"
#include "libross/base/clock.h"
#include "ross-cli/images/disk_walk.h"
#include "ross-cli/images/gc_ask.h"
#include "ross-cli/images/system_prune.h"
#include "ross-cli/ui/listing.h"

struct prune_options {
    bool all, force, dry_run, volumes;
    struct strv filters;
};

#define PRUNE(member) offsetof(struct prune_options, member)

static const struct option_row prune_rows[] = {
    {.name = "all",
     .letter = 'a',
     .type = OPTION_FLAG,
     .offset = PRUNE(all),
     .help = "also images with a name, when no container is left that was made of them"},
    {.name = "filter",
     .type = OPTION_STRV,
     .offset = PRUNE(filters),
     .arg = "FILTER",
     .help = "until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE]; all must hold"},
    {.name = "force",
     .letter = 'f',
     .type = OPTION_FLAG,
     .offset = PRUNE(force),
     .help = "do not ask"},
    {.name = "dry-run",
     .type = OPTION_FLAG,
     .offset = PRUNE(dry_run),
     .help = "only say what would go, what stays, and why"},
    {.name = "volumes",
     .type = OPTION_FLAG,
     .offset = PRUNE(volumes),
     .help = "also volumes without a name that no container has"},
};

static void
show_candidate(const struct gc_candidate *c, void *arg)
{
    const struct session *s = arg;
    auto_free char *size = size_format(c->size_bytes);

    if (strcmp(c->type, "ingest") == 0 && strcmp(c->ns, s->ctx.ns) == 0)
        return; /* goes whatever its age */
    printf("remove %s %s (%s): %s\n", c->type, c->key, size, c->why);
}

static void
show_lease(const char *id, bool goes, const char *why, void *arg)
{
    (void) arg;
    printf("%s lease %s: %s\n", goes ? "remove" : "keep", id, why);
}

static int
show_plan(struct session *s, const struct disk_usage *u, const struct system_prune *p,
          struct err *err)
{
    for (size_t i = 0; i < u->n_containers; i++)
        printf("%s container %.12s %s: %s\n", p->containers[i] ? "remove" : "keep",
               u->containers[i].id, u->containers[i].name, p->container_why[i]);
    for (size_t i = 0; i < u->images.n; i++)
        printf("%s image %s: %s\n", p->images[i] ? "remove" : "keep", u->images.items[i].image.name,
               p->image_why[i]);
    for (size_t i = 0; i < u->n_volumes; i++)
        printf("%s volume %s: %s\n", p->volumes[i] ? "remove" : "keep", u->volumes[i].name,
               p->volume_why[i]);
    for (size_t i = 0; i < u->n_leftovers; i++) {
        auto_free char *size = size_format(u->leftovers[i].size_bytes);

        if (strcmp(u->leftovers[i].kind, "ingest") == 0)
            printf("remove ingest %s (%s): %s\n", u->leftovers[i].key, size, u->leftovers[i].why);
    }
    int r = gc_leases_tell(s, show_lease, NULL, err);
    return r < 0 ? r : gc_ask(s, show_candidate, s, err);
}

static void
show_done(const struct disk_usage *u, const struct system_prune *p)
{
    for (size_t i = 0; i < u->n_containers; i++)
        if (p->containers[i])
            printf("removed container %.12s %s\n", u->containers[i].id, u->containers[i].name);
    for (size_t i = 0; i < u->images.n; i++)
        if (p->images[i])
            printf("removed image %s\n", u->images.items[i].image.name);
    for (size_t i = 0; i < u->n_volumes; i++)
        if (p->volumes[i])
            printf("removed volume %s\n", u->volumes[i].name);
}

/* Asks, does it, and says what came of it: what ROOT has shrunk by, when it is ours to look at. */
static int
prune(struct session *s, const struct disk_usage *u, const struct system_prune *p, bool ask,
      struct err *err)
{
    auto_free char *expected = size_format(p->freed_bytes);
    AUTO_PTR(disk_walk) walk = disk_walk_new();
    int64_t after = 0, freed = p->freed_bytes;
    int r = 0;

    if (ask) {
        auto_free char *what =
            xasprintf("%zu containers, %zu images and %zu volumes go, about %s in all.",
                      p->n_containers, p->n_images, p->n_volumes, expected);
        r = confirm(what, err);
    }
    if (r == 0)
        r = system_prune_run(s, u, p, err);
    if (r < 0)
        return r;
    show_done(u, p);
    if (u->root_bytes >= 0 && disk_walk_tree(walk, s->root, &after, NULL) == 0)
        freed = u->root_bytes > after ? u->root_bytes - after : 0;
    auto_free char *text = size_format(freed);
    printf("reclaimed: %s\n", text);
    return 0;
}

static int
prune_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct prune_options *cmd = options;
    struct image_prune opt = {.all = cmd->all, .volumes = cmd->volumes};
    AUTO(disk_usage) u = {0};
    AUTO(system_prune) p = {0};
    int r = prune_filter_parse(&cmd->filters, clock_now_ns(), &opt.filter, err);

    (void) n_words;
    (void) words;
    if (r == 0)
        r = disk_usage_read(s, &u, err);
    if (r == 0) {
        system_prune_plan(&u, &opt, &p);
        r = cmd->dry_run ? show_plan(s, &u, &p, err) : prune(s, &u, &p, !cmd->force, err);
    }
    if (r == 0 && cmd->dry_run) {
        auto_free char *text = size_format(p.freed_bytes);
        printf("reclaimable: %s\n", text);
    }
    prune_filter_done(&opt.filter);
    return r;
}

const struct command_row cmd_system_prune = {
    .path = "system prune",
    .synopsis = "[OPTION…]",
    .summary =
        "Removes containers that have ended, images nobody needs, and what interrupted work left",
    .options = prune_rows,
    .n_options = ARRAY_LEN(prune_rows),
    .options_size = sizeof(struct prune_options),
    .run = prune_run,
};
