/* SPDX-License-Identifier: Apache-2.0 */
/* The difference of two directory trees as a layer blob (reference 10.5). */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "libross/archive/compress.h"
#include "libross/archive/tar_apply.h"

#define TAR_NOBODY 65534

struct tar_diff_options {
    enum compression compression;
    /*
     * `upper` is the upper directory of an overlay over exactly `lower`, not a whole tree: only what is in it is looked
     * at, whiteouts and opaque directories are understood. FailedPrecondition when it uses redirects or metacopy: the
     * caller then mounts it and asks for the whole tree.
     */
    bool upper_is_overlay;
    bool has_source_epoch; /* no time is later than this; whiteouts have it */
    int64_t source_epoch_sec;
    /*
     * For trees that are copied, not layered. prefix: every name begins with it, and the root of the tree is an
     * entry of its own under that name. root_owned: everything belongs to root and has no setuid, setgid or
     * capabilities, because who could make them there is not root here.
     */
    const char *prefix;
    bool root_owned;
    /* Owners on disk as owners in the archive, like tar_apply_options; who is in no range becomes TAR_NOBODY. */
    const struct tar_id_range *uid_map, *gid_map;
    size_t n_uid_map, n_gid_map;
    const atomic_bool *cancelled; /* checked for each entry; NULL = never. Code Canceled */
};

struct tar_diff_result {
    struct digest digest; /* of the blob */
    uint64_t size_bytes;
    struct digest diff_id; /* of the tar in it */
    uint64_t entries;
};

/* One owner on disk as in the archive, with the n ranges at `map`. */
int64_t tar_diff_id(uint32_t id, const struct tar_id_range *map, size_t n);

/*
 * Writes the layer that turns the tree at lower_fd (-1 = empty) into that at upper_fd. Both are borrowed O_DIRECTORY
 * descriptors whose trees must not change meanwhile. Deterministic: names in order, PAX only where ustar does not
 * do, no names of users, times in whole seconds. options NULL = no compression.
 */
int tar_diff(int lower_fd, int upper_fd, const struct tar_diff_options *options,
             compress_sink_fn sink, void *sink_arg, struct tar_diff_result *ret, struct err *err);
