/* SPDX-License-Identifier: Apache-2.0 */
/* Which mounts a snapshot answers (reference 8.6): pure functions over ids. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libross/contract/snapshots.h"

struct overlay_mounts_input {
    enum snapshot_kind kind;    /* SNAPSHOT_ACTIVE or SNAPSHOT_VIEW */
    const char *dir;            /* absolute path of ROOT/snapshots, without ',' and ':' */
    uint64_t id;                /* the snapshot's own */
    const uint64_t *parent_ids; /* nearest first */
    size_t n_parents;
    const struct strv *extra;    /* overlay_extra_options() */
    const char *uidmap, *gidmap; /* values of the mapping labels, NULL = not idmapped */
};

/* The mounts in the order of reference 8.6; always exactly one. */
struct mount_list overlay_mounts(const struct overlay_mounts_input *in);

struct overlay_host {
    bool index; /* the module knows `index=` */
    bool
        userxattr; /* inside a user namespace, on a filesystem where user.* attributes carry the overlay's */
    bool idmap; /* id-mapped layers work */
};

/* The configured options, then what the host needs: userxattr, index=off. */
struct strv overlay_extra_options(const struct strv *configured, const struct overlay_host *host);

/*
 * The host id of container id 0 in "CONTAINER:HOST:SIZE[,…]". InvalidArgument when the text is no such list, or
 * when no range holds 0.
 */
int overlay_mapped_root(const char *mapping, uint32_t *ret, struct err *err);

/* The snapshot id in "DIR/ID/fs" (dir as above), false for any other path. */
bool overlay_path_id(const char *dir, const char *path, uint64_t *ret_id);
