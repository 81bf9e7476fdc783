/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All images that are here, with what each of them consists of: blobs and the snapshots of its layers. Who shares what
 * with whom, and what would go with an image, is answered from this picture alone.
 */
#pragma once

#include <stdbool.h>

#include "libross/contract/records.h"
#include "ross-cli/session/session.h"

/* A blob or a committed snapshot, kept once however many images have it. */
struct image_object {
    char *key; /* "sha256:…", a digest or the chain id that the snapshot is named by */
    bool snapshot;
    int64_t size_bytes; /* of a snapshot: what it takes on disk */
    unsigned users;     /* images that have it, names of one target counted once */
};

struct image_member {
    struct image image;
    size_t twin;     /* the first member with the same target; its own index when it is the first */
    size_t *objects; /* positions in the set's table; of the first of several twins only */
    size_t n_objects;
    int64_t created_ns;   /* of the config; 0 = unknown */
    struct labels labels; /* of the config */
    unsigned containers;  /* that were made of this target */
};

struct image_set {
    struct image_member *items;
    size_t n;
    struct image_object *objects;
    size_t n_objects;
    struct strv containers; /* ids, sorted */
};
void image_set_done(struct image_set *s);

/* Blobs that an index or manifest names and that are not here are left out, so are snapshots. */
int image_set_read(struct session *s, struct image_set *ret, struct err *err);

/* ---- pure ---- */

/* Position of the object, added when it is new. */
size_t image_set_object(struct image_set *s, const char *key, bool snapshot, int64_t size_bytes);
/* NULL when no image has it. */
const struct image_object *image_set_find(const struct image_set *s, const char *key,
                                          bool snapshot);
/* Takes `image`; its objects follow with image_set_give. Returns its index. */
size_t image_set_add(struct image_set *s, struct image *image);
/* Member i has that object (once, however often it is said). Nothing for a later twin. */
void image_set_give(struct image_set *s, size_t i, size_t object);

struct image_size {
    int64_t total_bytes, shared_bytes, unique_bytes; /* total = shared + unique */
};
struct image_size image_set_size(const struct image_set *s, size_t i);
/* What is freed when the members with gone[i] go; all names of a target must go for anything of it to. */
int64_t image_set_freed(const struct image_set *s, const bool *gone);
/* "<none>@sha256:…", "sha256:…" and the like: a record that nobody gave a name to. */
bool image_name_is_none(const char *name);
/* A later name or an earlier one of the same target is a real one. */
bool image_set_has_name(const struct image_set *s, size_t i);
