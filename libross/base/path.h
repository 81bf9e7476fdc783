/* SPDX-License-Identifier: Apache-2.0 */
/* Path names as text, directories by fd, and resolving a foreign path inside a root. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"

/* a "/" b with exactly one slash between; when one is empty, the other; malloc'ed. */
char *path_join(const char *a, const char *b);
/* Lexical cleaning as Go's path.Clean: no "//", "." or inner ".."; "" gives "."; malloc'ed. */
char *path_clean(const char *p);
/* True when `p` is one plain file name: not empty, ".", "..", no '/', at most NAME_MAX bytes. */
bool path_is_name(const char *p);
/*
 * mkdir with parents below dir_fd (AT_FDCWD allowed). Existing directories are fine, their mode is kept; new ones get
 * exactly `mode`, whatever the umask.
 */
int path_mkdirs_at(int dir_fd, const char *path, mode_t mode, struct err *err);
/* Makes the directory when missing (with parents, mode) and opens it O_DIRECTORY. */
int path_open_dir(const char *path, mode_t mode, int *ret_fd, struct err *err);
/*
 * openat2(RESOLVE_IN_ROOT): symlinks and ".." stay inside root_fd. flags as open(2), O_CLOEXEC added; "" is the root
 * itself. Returns -1 with errno like open(2).
 */
int path_open_in_root(int root_fd, const char *path, uint64_t flags, mode_t mode);
/* The path behind "/proc/self/fd/N", for system calls that want a name; returns buf. */
#define PATH_FD_MAX 32
char *path_of_fd(int fd, char buf[static PATH_FD_MAX]);
/* fsync of the directory behind dir_fd (AT_FDCWD and O_PATH are fine). */
int path_sync_dir(int dir_fd, struct err *err);
