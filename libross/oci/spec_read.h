/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few fields of a runtime spec (config.json) that a shim needs. Reads the bytes once without building a tree,
 * so that a process of which a host runs hundreds keeps none of its memory, and takes numbers of any size. What it
 * does not look at it only skips: the runtime checks the whole.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libross/base/buf.h"
#include "libross/base/err.h"
#include "libross/base/labels.h"

#define SPEC_SIZE_MAX    (16 * 1024 * 1024)
#define SPEC_DEPTH_MAX   64
#define SPEC_ID_MAPS_MAX 340 /* what the kernel takes */

struct spec_read_map {
    uint32_t container_id, host_id, size;
};

struct spec_read {
    char *root_path; /* as written; NULL when absent */
    bool root_readonly;
    char *cgroups_path; /* NULL when absent */
    struct labels annotations;
    bool terminal;
    uint32_t uid, gid;
    bool own_pid_namespace; /* a new one: its processes end with its first */
    char *user_namespace;   /* path of an existing one; NULL when none or new */
    struct spec_read_map *uid_maps, *gid_maps;
    size_t n_uid_maps, n_gid_maps;
};

/* InvalidArgument: larger than SPEC_SIZE_MAX, deeper than SPEC_DEPTH_MAX, no JSON object, a field of a wrong type. */
int spec_read(const void *p, size_t n, struct spec_read *ret, struct err *err);
void spec_read_done(struct spec_read *s);

/*
 * The document of one process (as in "process" of a spec) into `ret`, with "terminal" as given and all else as it is
 * written, numbers of any size included. InvalidArgument as above, or when "terminal" is there twice.
 */
int spec_process_set_terminal(const void *p, size_t n, bool terminal, struct buf *ret,
                              struct err *err);
