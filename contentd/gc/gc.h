/* SPDX-License-Identifier: Apache-2.0 */
/* The collector of a running service: a thread that runs after deletions. */
#pragma once

#include "contentd/store/gc_hook.h"
#include "gc_run.h"

struct gc;

/*
 * Borrows db and store. snapshotter_address: socket of a snapshotter whose snapshots are ours alone to collect; ""
 * = none. It is asked only when it answers.
 */
struct gc *gc_start(struct db *db, struct content_store *store, const char *snapshotter_address,
                    const char *snapshotter);
struct gc_hook *gc_hook_of(struct gc *g);
/* Ends the thread. NULL is fine. */
void gc_stop(struct gc *g);
