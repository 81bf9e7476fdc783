/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directories of snapshots: ROOT/snapshots/ID/{fs,work} (reference 8.6). No names, kinds or labels here.
 *
 *   ID          0700, a decimal number without leading zeros
 *   ID/fs       0755, the layer
 *   ID/work     0711, only when writable over parents
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "libross/base/err.h"
#include "libross/base/mem.h"

struct snap_dirs;

/* Makes ROOT/snapshots when missing. InvalidArgument when the path cannot stand in mount options (',' ':'). */
int snap_dirs_open(const char *root, struct snap_dirs **ret, struct err *err);
void snap_dirs_close(struct snap_dirs *d); /* NULL is fine */

static inline void
snap_dirs_closep(struct snap_dirs **d)
{
    snap_dirs_close(*d);
}
#define AUTO_SNAP_DIRS __attribute__((cleanup(snap_dirs_closep))) struct snap_dirs *

const char *snap_dirs_path(const struct snap_dirs *d); /* absolute, of ROOT/snapshots */
int snap_dirs_fd(const struct snap_dirs *d);

/* Whole or not at all, unless killed. Existing directories of that id are an error (Internal). */
int snap_dirs_create(struct snap_dirs *d, uint64_t id, bool with_work, uid_t uid, gid_t gid,
                     struct err *err);

/* One that belongs to nobody yet, below ROOT/spare, under a number of the caller's. */
int snap_dirs_spare_make(struct snap_dirs *d, uint64_t number, struct err *err);
/* It becomes that of a snapshot; negative when that cannot be (errno says why). */
int snap_dirs_spare_use(struct snap_dirs *d, uint64_t number, uint64_t id);
int snap_dirs_spares_remove(struct snap_dirs *d, struct err *err);

/* Makes ID/work where only that is missing. */
int snap_dirs_make_work(struct snap_dirs *d, uint64_t id, struct err *err);
/* A missing one is fine. */
int snap_dirs_remove(struct snap_dirs *d, uint64_t id, struct err *err);
/* ID/fs opened O_RDONLY|O_DIRECTORY; DataLoss when it is missing. */
int snap_dirs_open_fs(struct snap_dirs *d, uint64_t id, int *ret_fd, struct err *err);
bool snap_dirs_has(struct snap_dirs *d, uint64_t id, bool with_work);
/* Owner of ID/fs. */
int snap_dirs_owner(struct snap_dirs *d, uint64_t id, uid_t *ret_uid, gid_t *ret_gid,
                    struct err *err);
/* The names on the way to ID/fs are on disk when this returns 0. */
int snap_dirs_sync_names(struct snap_dirs *d, uint64_t id, struct err *err);

/* Calls fn for each entry of ROOT/snapshots: its id, or 0 and the name when it is none of ours. */
typedef int (*snap_dirs_fn)(uint64_t id, const char *name, void *arg, struct err *err);
int snap_dirs_each(struct snap_dirs *d, snap_dirs_fn fn, void *arg, struct err *err);
