/* SPDX-License-Identifier: Apache-2.0 */
/* A new container: id, name, root filesystem, record, bundle. */
#pragma once

#include "libross/contract/records.h"
#include "libross/mount/mount.h"
#include "ross-cli/session/session.h"
#include "run_options.h"

struct image_view;

struct made_container {
    struct container record;
    struct mount_list mounts; /* of its root filesystem */
    char *bundle;
    char *runtime;             /* absolute path of the OCI runtime */
    struct container_net *net; /* coming up; NULL when it has none of its own */
};
void made_container_done(struct made_container *m);

/*
 * From an image that is unpacked here. On failure nothing of it stays. AlreadyExists when the name is taken,
 * NotFound for a missing runtime or user, InvalidArgument for options that do not fit.
 *   args   what follows IMAGE on the command line
 *   start  it is started at once: its network comes up meanwhile
 */
int container_make(struct session *s, const struct run_options *opt, const struct image *image,
                   const struct image_view *view, const struct strv *args, bool start,
                   struct made_container *ret, struct err *err);
