/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/images/image_prune.h"

#include "ross-cli/images/image_remove.h"

const char *
image_prune_reason(const struct image_set *s, size_t i, const struct image_prune *opt,
                   const char **stays)
{
    const struct image_member *m = &s->items[i];
    int64_t created = m->created_ns ? m->created_ns : m->image.created_ns;
    const char *kept = NULL, *goes = NULL;

    if (m->containers)
        kept = "a container was made of it";
    else if (!opt->all && (!image_name_is_none(m->image.name) || image_set_has_name(s, i)))
        kept = "it has a name (--all takes those too)";
    else if (!prune_filter_matches(&opt->filter, created, &m->labels))
        kept = "the filter does not match";
    else
        goes = image_name_is_none(m->image.name) ? "it has no name and no container uses it"
                                                 : "no container uses it";
    if (stays)
        *stays = kept;
    return goes;
}

int
image_prune_remove(struct session *s, const struct image_set *set, const bool *gone,
                   struct err *err)
{
    auto_free size_t *names = xcalloc(set->n + 1, sizeof *names); /* of each first twin */
    size_t last = SIZE_MAX;
    int r = 0;

    for (size_t i = 0; i < set->n; i++) {
        names[set->items[i].twin]++;
        if (gone[i])
            last = i;
    }
    for (size_t i = 0; r == 0 && i < set->n; i++) {
        if (!gone[i])
            continue;
        bool target_goes = --names[set->items[i].twin] == 0;
        r = image_untag(s, &set->items[i].image, target_goes, i == last, err);
        if (r == -CODE_NOT_FOUND)
            r = 0;
    }
    return r;
}
