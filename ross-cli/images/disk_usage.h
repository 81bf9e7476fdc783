/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the space goes: images, containers, volumes, what is left of interrupted work; together what `du` finds in
 * ROOT.
 */
#pragma once

#include "libross/contract/records.h"
#include "ross-cli/images/image_set.h"

struct disk_container {
    char *id, *name, *image;
    const char *status; /* "running" … */
    bool alive;         /* running or paused */
    int64_t size_bytes; /* its writable layer and its files in ROOT/containers */
    int64_t created_ns, finished_ns;
    struct labels labels;
};

struct disk_volume {
    char *name;
    int64_t size_bytes;
    bool anonymous;
    struct strv users; /* "NS:ID" of containers, running or not */
};

struct disk_leftover {
    const char *kind; /* "blob", "snapshot", "ingest" */
    char *key;
    int64_t size_bytes;
    const char *why;
};

struct disk_usage {
    struct image_set images;
    struct disk_container *containers;
    size_t n_containers;
    struct disk_volume *volumes;
    size_t n_volumes;
    struct disk_leftover *leftovers;
    size_t n_leftovers;
    int64_t root_bytes; /* as du; -1 when ROOT is not ours to look at */
};
void disk_usage_done(struct disk_usage *u);
int disk_usage_read(struct session *s, struct disk_usage *ret, struct err *err);

/* ---- pure ---- */

struct disk_row {
    const char *type;
    size_t total, active;
    int64_t size_bytes, reclaimable_bytes;
};
enum {
    DISK_IMAGES,
    DISK_CONTAINERS,
    DISK_VOLUMES,
    DISK_LEFTOVERS,
    DISK_REST,
    DISK_TOTAL,
    DISK_ROWS
};
/* One row of each; DISK_REST makes the total that of du (0 when that is not known). */
void disk_usage_rows(const struct disk_usage *u, struct disk_row ret[static DISK_ROWS]);
