/* SPDX-License-Identifier: Apache-2.0 */
/* Files that appear whole or not at all, and durably. */
#pragma once

#include <sys/types.h>

#include "err.h"
#include "mem.h"

/* An unnamed (O_TMPFILE) or hidden temporary file in a directory; not yet visible under its name. */
struct tmpfile_;

/* dir_fd is borrowed and must stay open until publish or free. */
int tmpfile_open_at(int dir_fd, mode_t mode, struct tmpfile_ **ret, struct err *err);
int tmpfile_fd(const struct tmpfile_ *t); /* borrowed */
/*
 * fsync, give it its name below to_dir_fd, fsync that directory. AlreadyExists when the name is taken (the
 * file then stays unpublished) unless `replace`. When only the last fsync fails, the file is whole under its
 * name, but a power loss may still take it.
 */
int tmpfile_publish(struct tmpfile_ *t, int to_dir_fd, const char *name, int replace,
                    struct err *err);
/* Drops it when unpublished; NULL is fine. */
void tmpfile__free(struct tmpfile_ *t);
DEFINE_AUTO_PTR(tmpfile_)
/*
 * Removes what a kill between naming and publishing left in a directory: files named TMPFILE_PREFIX and 16 hex
 * digits. Only while nobody else is publishing there (at start, under the owner's lock).
 */
#define TMPFILE_PREFIX ".tmp-"
int tmpfile_collect_at(int dir_fd, struct err *err);

/* tmpfile_open_at + write + publish(replace) in one, for small files. */
int tmpfile_write_at(int dir_fd, const char *name, const void *p, size_t n, mode_t mode,
                     struct err *err);
