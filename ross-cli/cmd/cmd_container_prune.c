/* SPDX-License-Identifier: Apache-2.0 */
/* container prune: containers that do not run. */
#include <stdio.h>

#include "choice.h"
#include "cmd.h"
#include "confirm.h"
#include "libross/json/json.h"
#include "ps_select.h"
#include "ross-cli/run/container_remove.h"
#include "ross-cli/run/container_volumes.h"

struct prune_options {
    bool force, volumes;
    struct strv filters;
};

#define PRUNE(member) offsetof(struct prune_options, member)

static const struct option_row prune_rows[] = {
    {.name = "force",
     .letter = 'f',
     .type = OPTION_FLAG,
     .offset = PRUNE(force),
     .help = "without asking"},
    {.name = "volumes",
     .letter = 'v',
     .type = OPTION_FLAG,
     .offset = PRUNE(volumes),
     .help = "with their anonymous volumes"},
    {.name = "filter",
     .type = OPTION_STRV,
     .offset = PRUNE(filters),
     .arg = "KEY=VALUE",
     .help = "of them only those that fit, as with ps"},
};

static int
collect(const struct ps_item *item, void *arg, struct err *err)
{
    (void) err;
    if (choice_is_idle(item->st))
        strv_add(arg, item->c->id);
    return 0;
}

static int
prune_one(struct session *s, const struct container *c, void *arg, struct err *err)
{
    const struct prune_options *opt = arg;
    AUTO(strv) volumes = {0};
    int r;

    if (opt->volumes)
        volumes = container_volumes_anonymous(s, c->id);
    r = container_remove(s, c, false, err);
    return r < 0 ? r : container_volumes_remove(s, &volumes, err);
}

static int
prune_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    struct prune_options opt = *(const struct prune_options *) options;
    const struct choice how = {.ignore = true}; /* one that somebody else removed meanwhile */
    AUTO(strv) ids = {0};
    int r;

    (void) n_words;
    (void) words;
    r = ps_select(s, &opt.filters, collect, &ids, err);
    if (r == 0 && ids.n && !opt.force) {
        auto_free char *what = xasprintf(
            "%zu container%s that do%s not run will be removed with all that %s written.", ids.n,
            ids.n == 1 ? "" : "s", ids.n == 1 ? "es" : "", ids.n == 1 ? "it has" : "they have");

        r = confirm(what, err);
    }
    if (r == 0 && ids.n)
        r = choice_each(s, &how, (int) ids.n, ids.items, true, NULL, prune_one, &opt, err);
    return r;
}

const struct command_row cmd_container_prune = {
    .path = "container prune",
    .synopsis = "[OPTION…]",
    .summary = "Removes all containers that do not run",
    .options = prune_rows,
    .n_options = ARRAY_LEN(prune_rows),
    .options_size = sizeof(struct prune_options),
    .run = prune_run,
};
