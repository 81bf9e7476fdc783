/* SPDX-License-Identifier: Apache-2.0 */
/* Where saved images go: a tar, or a directory. Files come one after the other, each with its length beforehand. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "libross/base/err.h"

struct save_sink;

struct save_sink_ops {
    int (*file)(struct save_sink *s, const char *name, int64_t size, struct err *err);
    int (*bytes)(struct save_sink *s, const void *p, size_t n, struct err *err);
    int (*file_end)(struct save_sink *s, struct err *err);
    int (*end)(struct save_sink *s, struct err *err);
};

struct save_sink {
    const struct save_sink_ops *ops;
    int fd;       /* the tar, or the directory; borrowed */
    int file_fd;  /* of a directory: the file that is being written, or -1 */
    int64_t size; /* of the file */
};

/* An archive is written to the file or pipe `fd`. */
struct save_sink save_sink_tar(int fd);
/* Files appear below the directory `dir_fd`, which is empty. */
struct save_sink save_sink_dir(int dir_fd);
/* Closes what an error left open. */
void save_sink_done(struct save_sink *s);
