/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cgroups of a container: where they are, who is in them, what they used. `text` is always the content of
 * /proc/PID/cgroup of the container's process, NULL when there is none (NotFound).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libross/base/arena.h"
#include "libross/base/err.h"

#define CGROUP_MOUNT    "/sys/fs/cgroup"
#define CGROUP_PIDS_MAX (4 * 1024 * 1024) /* what pid_max allows */

/* Does this host use the unified hierarchy alone? */
bool cgroup_is_unified(void);
/*
 * The directory of a controller's hierarchy ("memory", "pids"; "" is the unified one) below `mount`: malloc'ed,
 * NULL when the text does not name it or its path is not to be trusted. Pure.
 */
char *cgroup_dir_at(const char *mount, bool unified, const char *text, const char *controller);
/* The same on this host. */
char *cgroup_dir(const char *text, const char *controller);

/* Every process in it and below, each once; malloc'ed. An emptied or vanished cgroup has none. */
int cgroup_pids(const char *text, uint32_t **ret, size_t *ret_n, struct err *err);
/* Puts a process into the cgroup PATH (as below the mount point) of every hierarchy, making it when missing. */
int cgroup_join(const char *path, int pid, struct err *err);
/*
 * Removes what is left of the cgroup PATH of a container that has ended, in every hierarchy: a runtime that was
 * killed half-way leaves directories. False: one of them still has members or children. Anything but a clean absolute
 * path is left alone.
 */
bool cgroup_remove(const char *path);
/* SIGKILL for every member of the cgroup PATH and below, in every hierarchy. For one container's own cgroup. */
void cgroup_kill(const char *path);

/* Metrics of the right kind (reference 3.7), packed in the arena. */
int cgroup_stats(const char *text, struct arena *a, char **ret_type, void **ret_value,
                 size_t *ret_n, struct err *err);

/* The two kinds, from the files below `mount` (tests have recorded trees). NotFound without a cgroup. */
int cgroup_stats_v1(const char *mount, const char *text, struct arena *a, void **ret_value,
                    size_t *ret_n, struct err *err);
int cgroup_stats_v2(const char *mount, const char *text, struct arena *a, void **ret_value,
                    size_t *ret_n, struct err *err);
