/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a container, running or not, for copying, comparing and packing. */
#pragma once

#include <stdbool.h>

#include "libross/archive/tar_apply.h"
#include "libross/contract/records.h"
#include "libross/mount/mount_temp.h"
#include "ross-cli/session/session.h"

enum container_fs_view {
    CONTAINER_FS_INSIDE, /* as its processes see it, with its volumes, while it runs; else as below */
    CONTAINER_FS_ROOT,   /* its root filesystem alone */
};

/* How its users are the host's, for archives of its files; n 0 = as they are. */
struct container_ids {
    struct tar_id_range uid, gid;
    size_t n; /* of each */
};

struct container_fs {
    int fd; /* O_PATH of its root: resolve names with path_open_in_root() only */
    bool live;
    int lock_fd; /* held while it does not run: nobody starts it meanwhile */
    struct mount_list
        mounts; /* of the root filesystem; empty with CONTAINER_FS_INSIDE of a running one */
    struct mount_temp *temp;
    struct container_ids ids;
};
void container_fs_done(struct container_fs *fs);

/* FailedPrecondition when its root filesystem is gone. */
int container_fs_open(struct session *s, const struct container *c, enum container_fs_view view,
                      struct container_fs *ret, struct err *err);

/* The same mounts with the ids of the disk, whatever they map. */
struct mount_list container_fs_plain(const struct mount_list *mounts);
/* What lies below the container's own layer: a read-only mount list made of its own. */
int container_fs_lower(const struct mount_list *mounts, struct mount_list *ret, struct err *err);
/* The directory of its own layer, opened for reading. FailedPrecondition when the mounts have none. */
int container_fs_upper(const struct mount_list *mounts, int *ret_fd, struct err *err);
