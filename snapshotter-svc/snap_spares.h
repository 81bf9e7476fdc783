/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories that are made ahead. Three mkdirs are half of what Prepare costs; in a burst of them a thread makes those
 * of the next ones meanwhile, and a rename is what is left. Nobody needs them: they go when the service ends, and at
 * its next start when it was killed. Thread safe.
 */
#pragma once

#include "snap_dirs.h"

struct snap_spares;

/* Removes what an earlier life left. Borrows the directories. */
struct snap_spares *snap_spares_new(struct snap_dirs *dirs);
void snap_spares_free(struct snap_spares *s); /* NULL is fine */

/* Like snap_dirs_create() of a writable one that is root's; quicker when one was made ahead. */
int snap_spares_create(struct snap_spares *s, uint64_t id, struct err *err);
/* How many wait at the moment. */
unsigned snap_spares_ready(struct snap_spares *s);
