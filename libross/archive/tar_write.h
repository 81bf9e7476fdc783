/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of a tar archive as Go's archive/tar writes them in PAX format: ustar, preceded by records where it must. */
#pragma once

#include "libross/archive/tar_read.h"
#include "libross/base/buf.h"

/*
 * Appends the header blocks of an entry to `out`. Of the entry type, name (a directory's ends in '/'), link, mode, uid,
 * gid, device, size, mtime.sec and xattrs count.
 */
int tar_write_header(struct buf *out, const struct tar_entry *e, struct err *err);
/* Zeros that fill the last block of `size` bytes of data. */
int tar_write_padding(struct buf *out, uint64_t size, struct err *err);
/* The two zero blocks. */
int tar_write_end(struct buf *out, struct err *err);
