/* SPDX-License-Identifier: Apache-2.0 */
/* One mount of a list, prepared, and the two ways to make it. Inside this directory only. */
#pragma once

#include <stdbool.h>

#include "loop_device.h"
#include "mount.h"
#include "mount_opts.h"

struct mount_one {
    const char *type, *source; /* source is the loop device when there is one */
    struct mount_opts opts;
    bool bind;
    int loop_fd, userns_fd; /* -1 = none */
    char loop_path[LOOP_DEVICE_PATH_MAX];
};

/* Parses the options, attaches the loop device, makes the user namespace. Borrows `m`. */
int mount_one_prepare(const struct mount *m, struct mount_one *ret, struct err *err);
void mount_one_done(struct mount_one *one);

/* The answer of a call that this kernel, or this mount, does not fit: use mount_classic(). */
#define MOUNT_NOT_THIS_WAY 1

/* fsopen or open_tree: the mount as a detached tree in *ret_fd, or MOUNT_NOT_THIS_WAY. */
int mount_detached(const struct mount_one *one, int *ret_fd, struct err *err);

/* mount(2) onto the directory or file behind target_fd (O_PATH). */
int mount_classic(const struct mount_one *one, int target_fd, struct err *err);
