/* SPDX-License-Identifier: Apache-2.0 */
/* The devices of this machine, for --privileged. */
#pragma once

#include "libross/base/arena.h"
#include "libross/oci/spec.h"

/*
 * Appends every character and block device below `dir` ("/dev"), but what a container has of its own: pts, shm, mqueue,
 * fd, console, ptmx. Paths are in the arena.
 */
int host_devices_add(const char *dir, struct arena *arena, struct spec_options *o, struct err *err);
