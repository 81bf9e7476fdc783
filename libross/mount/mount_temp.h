/* SPDX-License-Identifier: Apache-2.0 */
/* A mount list that is nowhere in the tree: reached through a descriptor, gone with it, also when we are killed. */
#pragma once

#include "mount_apply.h"
#include "libross/base/mem.h"

struct mount_temp;

#define MOUNT_TEMP_PREFIX   "ross-mount-"
#define MOUNT_TEMP_TEMPLATE "/tmp/" MOUNT_TEMP_PREFIX "XXXXXX"

/*
 * One mount without sub-path (what a snapshotter answers) never enters the tree: it stays detached (fsmount,
 * open_tree). Other lists, and what only mount(2) can do, are mounted on a fresh directory
 * TMP_DIR/ross-mount-XXXXXX, cloned from there into a detached tree, and taken off at once; a kill in between
 * leaves that directory to mount_temp_collect().
 *   tmp_dir   existing directory for that case; NULL is "/tmp"
 */
int mount_temp_open(const struct mount_list *l, const char *tmp_dir,
                    const struct mount_apply_options *options, struct mount_temp **ret,
                    struct err *err);
/* The root of the mount: an O_PATH descriptor for openat and friends, borrowed. */
int mount_temp_fd(const struct mount_temp *t);
/* The same as a name, "/proc/self/fd/N": valid in this process only; borrowed. */
const char *mount_temp_path(const struct mount_temp *t);
/* Ends the mount as soon as nothing in it is open any more. NULL is fine. */
void mount_temp_free(struct mount_temp *t);
DEFINE_AUTO_PTR(mount_temp)

/* Removes what killed processes left in tmp_dir. Only while no other process uses it for mount_temp_open(). */
int mount_temp_collect(const char *tmp_dir, struct err *err);
