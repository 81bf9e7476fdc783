/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The snapshots' database file: one row each, and a few facts about the file itself. Knows neither rules nor locks:
 * one caller at a time writes (snap_meta's `write`), anybody syncs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libross/base/boot_id.h"
#include "libross/base/err.h"
#include "libross/base/mem.h"

struct snap_node;
struct snap_index;
struct snap_rows;

int snap_rows_open(const char *path, bool no_sync, struct snap_rows **ret, struct err *err);
void snap_rows_close(struct snap_rows *d); /* NULL is fine */

struct snap_rows_state {
    uint64_t ids_below;          /* ids from here on have never been used; 0 = a new file */
    uint64_t known_from;         /* the first id that this file gave out */
    char boot_id[BOOT_ID_BYTES]; /* of the boot in which it was last recovered, "" = never */
};

/* Every row becomes a node of the index, which is empty. DataLoss naming the row that cannot be right. */
int snap_rows_load(struct snap_rows *d, struct snap_index *index, struct snap_rows_state *ret,
                   struct err *err);

/*
 * Each is one transaction, which survives a crash of the process when it returned 0, and a power cut after
 * snap_rows_sync().
 */
int snap_rows_insert(struct snap_rows *d, const struct snap_node *n, struct err *err);
int snap_rows_commit(struct snap_rows *d, const struct snap_node *n, struct err *err);
int snap_rows_update(struct snap_rows *d, const struct snap_node *n, struct err *err);
int snap_rows_mark_overlay_form(struct snap_rows *d, const struct snap_node *n, struct err *err);
int snap_rows_delete(struct snap_rows *d, const struct snap_node *n, struct err *err);
int snap_rows_set_ids_below(struct snap_rows *d, uint64_t below, struct err *err);
/* All of the state; known_from 0 leaves it. */
int snap_rows_recovered(struct snap_rows *d, const struct snap_rows_state *s, struct err *err);

/* Every change made so far is on disk when this returns 0. Cheap when there was none. */
int snap_rows_sync(struct snap_rows *d, struct err *err);
bool snap_rows_is_synced(struct snap_rows *d);
/* DataLoss naming the first damage of the file or of the relations between rows. */
int snap_rows_verify(struct snap_rows *d, struct err *err);
