/* SPDX-License-Identifier: Apache-2.0 */
/* A layer's tar stream onto a directory (reference 10.3, 10.4): the security boundary of the project. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "libross/archive/decompress.h"
#include "libross/archive/tar_limits.h"
#include "libross/oci/digest.h"

/* Ids first_inside … first_inside + count - 1 of the archive become first_outside … on disk. */
struct tar_id_range {
    uint32_t first_inside, first_outside, count;
};

struct tar_apply_options {
    /* The root is an overlay's upper directory: whiteouts are stored in the overlay's form instead of deleting. */
    bool overlay;
    /* The overlay will be mounted with `userxattr`: user.overlay.* instead of trusted.overlay.* */
    bool userxattr;
    /* Inside a user namespace: devices are skipped, as containerd does. */
    bool in_userns;
    /* Not a layer: a name that begins with ".wh." is a name like any other. */
    bool plain_names;
    /* Everything written is on disk when tar_apply returns 0 (files, directories, the root), without syncfs. */
    bool durable;
    /*
     * The directories below this one in the overlay, nearest first; borrowed. Parents that the archive needs but does
     * not describe get the attributes that they have there. Only with `overlay`; may be unknown (none).
     */
    const int *lower_fds;
    size_t n_lower_fds;
    /* How owners become owners on disk; none = as they are. An id outside every range is InvalidArgument. */
    const struct tar_id_range *uid_map, *gid_map;
    size_t n_uid_map, n_gid_map;
    const struct tar_limits *limits; /* NULL = tar_limits_default */
    const atomic_bool *cancelled;    /* checked between pieces; NULL = never. Code Canceled */
};

struct tar_apply_result {
    struct digest
        diff_id; /* sha256 of the whole uncompressed stream, bytes after the archive's end included */
    uint64_t size_bytes; /* its length */
    uint64_t entries;    /* applied */
    enum compression compression;
};

/*
 * Reads `in` to its end and applies it. A second thread reads, inflates and hashes while this one writes; `in` must
 * not be touched meanwhile.
 *
 *   root_fd  an O_RDONLY|O_DIRECTORY descriptor; borrowed. Nothing outside it is created, changed or removed,
 *            whatever the archive says; the caller keeps other writers out of it
 *   options  NULL = plain, not durable, default limits
 *   ret      on success only
 *
 * InvalidArgument: the archive breaks a rule (the message names the entry). DataLoss: it is truncated or corrupt.
 * ResourceExhausted: a limit, or a full disk. What the source said otherwise. On an error the root holds some of the
 * entries: the caller removes it.
 */
int tar_apply(int root_fd, struct decompress *in, const struct tar_apply_options *options,
              struct tar_apply_result *ret, struct err *err);
