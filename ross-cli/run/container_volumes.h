/* SPDX-License-Identifier: Apache-2.0 */
/* The volumes of a container: made, filled and noted at its making, anonymous ones gone with it. */
#pragma once

#include "libross/base/arena.h"
#include "libross/mount/mount.h"
#include "libross/oci/oci_config.h"
#include "libross/oci/spec.h"
#include "ross-cli/session/session.h"

#define VOLUME_NOCOPY "nocopy" /* option of a mount: the volume is not filled from the image */

/*
 * Mounts of *o whose source is a volume's data get that volume, and the volumes that the image names get anonymous ones
 * unless something is mounted there. An empty volume is filled with what the image has at its place.
 *   dir     ROOT/containers/NS/ID; exists
 *   rootfs  mounts of the container's root filesystem
 */
int container_volumes_use(const struct session *s, const char *id, const char *dir,
                          const struct oci_config *image, const struct mount_list *rootfs,
                          struct spec_options *o, struct arena *arena, struct err *err);

/* The names of the anonymous volumes that were made for it. */
struct strv container_volumes_anonymous(const struct session *s, const char *id);
/* Removes volumes that nobody else has; those in use stay. */
int container_volumes_remove(const struct session *s, const struct strv *names, struct err *err);
