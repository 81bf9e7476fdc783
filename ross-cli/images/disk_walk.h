/* SPDX-License-Identifier: Apache-2.0 */
/* What directory trees take on disk, as du counts: blocks, each inode once, one file system. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "libross/base/err.h"
#include "libross/base/mem.h"

/* Remembers the inodes with several names, so that trees walked with one of these never count one twice. */
struct disk_walk;
struct disk_walk *disk_walk_new(void);
void disk_walk_free(struct disk_walk *w);
DEFINE_AUTO_PTR(disk_walk)

/* Bytes of the tree at `path`; 0 when it is not there. What vanishes meanwhile does not count. */
int disk_walk_tree(struct disk_walk *w, const char *path, int64_t *ret_bytes, struct err *err);
