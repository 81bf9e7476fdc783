/* SPDX-License-Identifier: Apache-2.0 */
/* image prune, image tag: names of images that come and go. */
#include <stdio.h>

#include "api/client/records_client.h"
#include "cmd.h"
#include "confirm.h"
#include "libross/base/clock.h"
#include "libross/oci/oci_ref.h"
#include "ross-cli/images/image_prune.h"
#include "ross-cli/run/event_log.h"
#include "ross-cli/run/image_find.h"
#include "ross-cli/ui/listing.h"

struct prune_options {
    bool all, force, dry_run;
    struct strv filters;
};

#define PRUNE(member) offsetof(struct prune_options, member)

static const struct option_row prune_rows[] = {
    {.name = "all",
     .letter = 'a',
     .type = OPTION_FLAG,
     .offset = PRUNE(all),
     .help = "also images with a name, when no container was made of them"},
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
};

static void
show_plan(const struct image_set *set, const struct image_prune *opt)
{
    for (size_t i = 0; i < set->n; i++) {
        const char *stays = NULL, *goes = image_prune_reason(set, i, opt, &stays);
        printf("%s %s: %s\n", goes ? "remove" : "keep", set->items[i].image.name,
               goes ? goes : stays);
    }
}

static int
prune_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct prune_options *cmd = options;
    struct image_prune opt = {.all = cmd->all};
    AUTO(image_set) set = {0};
    auto_free bool *gone = NULL;
    auto_free char *freed = NULL;
    size_t n = 0;
    int r = prune_filter_parse(&cmd->filters, clock_now_ns(), &opt.filter, err);

    (void) n_words;
    (void) words;
    if (r == 0)
        r = image_set_read(s, &set, err);
    gone = xcalloc(set.n + 1, sizeof *gone);
    for (size_t i = 0; i < set.n; i++)
        n += gone[i] = image_prune_reason(&set, i, &opt, NULL) != NULL;
    freed = size_format(image_set_freed(&set, gone));
    if (r == 0 && cmd->dry_run)
        show_plan(&set, &opt);
    else if (r == 0 && n && !cmd->force) {
        auto_free char *what =
            xasprintf("%zu of %zu images go, and %s with them.", n, set.n, freed);
        r = confirm(what, err);
    }
    if (r == 0 && n && !cmd->dry_run)
        r = image_prune_remove(s, &set, gone, err);
    for (size_t i = 0; r == 0 && !cmd->dry_run && i < set.n; i++)
        if (gone[i])
            printf("removed %s\n", set.items[i].image.name);
    if (r == 0)
        printf("%s: %s\n", cmd->dry_run ? "reclaimable" : "reclaimed", freed);
    prune_filter_done(&opt.filter);
    return r;
}

const struct command_row cmd_image_prune = {
    .path = "image prune",
    .synopsis = "[OPTION…]",
    .summary = "Removes images without a name, or all that no container was made of",
    .options = prune_rows,
    .n_options = ARRAY_LEN(prune_rows),
    .options_size = sizeof(struct prune_options),
    .run = prune_run,
};

/* ---- tag ---- */

/* The new name's record, made or moved. */
static int
record_name(struct session *s, const struct image *image, struct err *err)
{
    AUTO(strv) mask = {0};
    struct rpc_channel *ch;
    int r = session_contentd(s, &ch, err);

    if (r == 0)
        r = images_client_create(ch, &s->ctx, image, NULL, err);
    if (r != -CODE_ALREADY_EXISTS)
        return r;
    strv_add(&mask, "target");
    return images_client_update(ch, &s->ctx, image, &mask, NULL, err);
}

static int
tag_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    AUTO(image) image = {0};
    int r = image_find(s, words[0], &image, err);

    (void) options;
    for (int i = 1; r == 0 && i < n_words; i++) {
        AUTO(oci_ref) ref = {0};
        r = oci_ref_parse(words[i], &ref, err);
        if (r == 0 && digest_is_set(&ref.digest))
            r = err_set(err, CODE_INVALID_ARGUMENT, "'%s' names a digest: a new name has a tag",
                        words[i]);
        if (r < 0)
            return r;
        free(image.name);
        image.name = oci_ref_format(&ref);
        r = record_name(s, &image, err);
        if (r == 0)
            event_image(s, image.name, &image.target.digest, "tag");
    }
    return r;
}

const struct command_row cmd_image_tag = {
    .path = "image tag",
    .aliases = "tag",
    .synopsis = "IMAGE NAME…",
    .summary = "Gives an image more names",
    .words_min = 2,
    .words_max = -1,
    .run = tag_run,
};
