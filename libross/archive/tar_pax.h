/* SPDX-License-Identifier: Apache-2.0 */
/* The records of a PAX extended header: "LENGTH KEY=VALUE\n" again and again. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libross/archive/tar_limits.h"
#include "libross/archive/tar_read.h"
#include "libross/base/err.h"
#include "libross/base/mem.h"

enum tar_pax_key {
    PAX_PATH,
    PAX_LINKPATH,
    PAX_UNAME,
    PAX_GNAME,
    PAX_UID,
    PAX_GID,
    PAX_SIZE,
    PAX_MTIME,
    PAX_ATIME,
    PAX_CTIME,
    PAX_SPARSE_MAJOR,
    PAX_SPARSE_MINOR,
    PAX_SPARSE_NAME,
    PAX_SPARSE_SIZE,
    PAX_SPARSE_REALSIZE,
    PAX_SPARSE_NUMBLOCKS,
    PAX_SPARSE_MAP,
    PAX_KEYS,
};

/* Bytes; p[n] is NUL. Absent and empty are the same here, as for Go: n = 0. */
struct tar_pax_value {
    const char *p;
    size_t n;
};

/* Values point into the text that was parsed. Zeroed is empty. */
struct tar_pax {
    struct tar_pax_value values[PAX_KEYS];
    struct tar_xattr *xattrs; /* SCHILY.xattr.*; the last of equal names counts */
    size_t n_xattrs, xattrs_cap, xattr_bytes;
    /* GNU.sparse.offset and .numbytes of format 0.0, alternating; they take the place of PAX_SPARSE_MAP. */
    struct tar_pax_value *pieces;
    size_t n_pieces, pieces_cap;
};

/*
 * Parses n bytes of records; text is changed (the line ends become NULs) and borrowed by the result. What `p` held
 * before is forgotten. InvalidArgument, or ResourceExhausted beyond a limit.
 */
int tar_pax_parse(struct tar_pax *p, char *text, size_t n, const struct tar_limits *limits,
                  struct err *err);
/* Forgets the records, keeps the memory. */
void tar_pax_clear(struct tar_pax *p);
void tar_pax_done(struct tar_pax *p);
