/* SPDX-License-Identifier: Apache-2.0 */
/* What nobody needs any more: containers that have ended, images, and what is left of interrupted work. */
#pragma once

#include "ross-cli/images/disk_usage.h"
#include "ross-cli/images/image_prune.h"

/* What goes of a disk_usage: an array beside each of its own. */
struct system_prune {
    bool *containers, *images, *volumes;
    const char **container_why, **image_why,
        **volume_why;                         /* why it goes or stays; constant texts */
    size_t n_containers, n_images, n_volumes; /* that go */
    int64_t freed_bytes;                      /* an estimate: those, and all leftovers */
};
void system_prune_done(struct system_prune *p);

/* Pure, but for the counts of containers in u->images: those that go do not count there any more. */
void system_prune_plan(struct disk_usage *u, const struct image_prune *opt,
                       struct system_prune *ret);
/*
 * Does it, and collects what is left then. A container that has started again meanwhile stays, and so does a transfer
 * that somebody goes on with.
 */
int system_prune_run(struct session *s, const struct disk_usage *u, const struct system_prune *p,
                     struct err *err);
