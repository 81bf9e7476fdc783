/* SPDX-License-Identifier: Apache-2.0 */
/* Where a layer is to be applied, from the mounts of the request (reference 10.4). */
#pragma once

#include <stdbool.h>

#include "libross/mount/mount.h"

enum diff_target_kind {
    DIFF_TARGET_UPPER, /* write into the overlay's upper directory */
    DIFF_TARGET_BIND,  /* write into the bind's source */
    DIFF_TARGET_MOUNT, /* mount them and write there */
};

struct diff_target {
    enum diff_target_kind kind;
    const char *dir;       /* UPPER, BIND: borrowed from the mounts */
    struct strv lowerdirs; /* UPPER: nearest first */
    bool userxattr;        /* UPPER */
};

/* Pure. */
struct diff_target diff_target_of(const struct mount_list *mounts);
void diff_target_done(struct diff_target *t);
/*
 * Some directory that the mounts are about (upper, source of a bind, nearest layer), malloc'ed; NULL when there is
 * none.
 */
char *diff_target_any_dir(const struct mount_list *mounts);
