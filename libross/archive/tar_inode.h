/* SPDX-License-Identifier: Apache-2.0 */
/* The attributes of one inode: owner, then extended attributes, then mode, then times. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "libross/archive/tar_read.h"
#include "libross/base/err.h"

struct tar_attrs {
    uid_t uid; /* as on disk; (uid_t) -1 leaves it */
    gid_t gid;
    mode_t mode;              /* permission bits and setuid, setgid, sticky */
    struct timespec times[2]; /* access, modification */
    const struct tar_xattr *xattrs;
    size_t n_xattrs;
    bool keep_overlay_xattrs; /* false: user.overlay.* of the archive is left out */
};

/*
 * Times as containerd sets them: access is the later of the two, and what lies outside 1970 … 2262 becomes 1970.
 */
void tar_inode_times(const struct tar_entry *e, struct timespec ret[static 2]);

/*
 * The mode to make an inode with: its own, which saves setting it, unless owner or extended attributes must come first;
 * then `narrow`.
 */
mode_t tar_inode_first_mode(const struct tar_attrs *a, bool owner_fits, mode_t narrow);
/*
 * Everything but the times of a directory (which change until the last entry below it) through an open descriptor.
 * owner_fits: the inode is known to belong to uid and gid already.
 */
int tar_inode_set(int fd, const struct tar_attrs *a, bool owner_fits, bool with_times,
                  struct err *err);
/* The same for what cannot be opened: name in dir_fd, never followed, of the type in `type` (S_IFMT bits). */
int tar_inode_set_at(int dir_fd, const char *name, mode_t type, const struct tar_attrs *a,
                     bool owner_fits, struct err *err);

/*
 * Copies what a directory that the archive does not name takes from the same one in a lower layer: owner, mode,
 * extended attributes (but trusted.* and overlay's); ret_times for later.
 */
int tar_inode_copy_dir(int from_fd, int to_fd, struct timespec ret_times[static 2],
                       struct err *err);

/* err_sys for a system call that an archive made fail: what only bad names or values cause is InvalidArgument. */
int tar_inode_error(struct err *err, int sys_errno, const char *what);
