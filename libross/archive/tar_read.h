/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tar streams, entry by entry: old V7, ustar, PAX, GNU and star, exactly as strict and as tolerant as Go's archive/tar,
 * which is what containerd reads layers with.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "libross/archive/tar_limits.h"
#include "libross/base/err.h"
#include "libross/base/mem.h"

/* Values of the type byte that this project understands; a reader passes others on. */
enum tar_type {
    TAR_REG = '0',
    TAR_LINK = '1',
    TAR_SYMLINK = '2',
    TAR_CHAR = '3',
    TAR_BLOCK = '4',
    TAR_DIR = '5',
    TAR_FIFO = '6',
};

struct tar_time {
    int64_t sec;
    int32_t nsec; /* same sign as sec */
};

struct tar_xattr {
    const char *name;
    const void *value;
    size_t size;
};

/* One entry; everything in it is borrowed from the reader until the next call of tar_read_next. */
struct tar_entry {
    char type; /* enum tar_type, or what the archive says; a regular file always has TAR_REG */
    const char *name, *link; /* bytes as in the archive, "" when absent */
    int64_t mode, uid, gid;
    int64_t dev_major, dev_minor;
    int64_t size; /* of the file as it will be, holes included */
    bool sparse;  /* the data comes in pieces with holes between them */
    struct tar_time mtime;
    struct tar_time atime;
    bool has_atime;
    const struct tar_xattr *xattrs; /* PAX SCHILY.xattr.*, each name once */
    size_t n_xattrs;
};

/*
 * Where the stream comes from: the next piece of any length, borrowed until the next call. Its length, 0 at the end
 * (and ever after), or a negative code with err set.
 */
typedef ssize_t (*tar_source_fn)(void *source, const unsigned char **ret_piece, struct err *err);

struct tar_read;

/* source and limits are borrowed until tar_read_free. */
struct tar_read *tar_read_new(tar_source_fn fn, void *source, const struct tar_limits *limits);

/*
 * 1 and the next entry (what is unread of the one before is skipped); 0 at the end of the archive: two zero blocks, or
 * the end of the stream where an entry could begin (also in the padding of the last one, and after one zero block).
 * Global PAX headers are checked and left out.
 *
 * InvalidArgument: not a tar archive here. DataLoss: the stream ends inside an entry. ResourceExhausted: a limit.
 */
int tar_read_next(struct tar_read *t, const struct tar_entry **ret, struct err *err);

/*
 * The next piece of the entry's data, borrowed until the next call of anything, and where in the file it belongs
 * (pieces come in order; what no piece covers is a hole). Its length, 0 after the last, or a negative code as above.
 */
ssize_t tar_read_data(struct tar_read *t, const void **ret_p, int64_t *ret_offset, struct err *err);

/* Takes everything behind the archive's end to the end of the stream. */
int tar_read_drain(struct tar_read *t, struct err *err);

/* Entries returned so far. */
uint64_t tar_read_entries(const struct tar_read *t);
void tar_read_free(struct tar_read *t);
DEFINE_AUTO_PTR(tar_read)
