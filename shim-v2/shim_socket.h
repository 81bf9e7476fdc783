/* SPDX-License-Identifier: Apache-2.0 */
/* Where a shim listens (reference 1.6), and whether somebody does already. */
#pragma once

#include "libross/base/err.h"

#define SHIM_SOCKET_DIR      "/run/containerd/s"
#define SHIM_SOCKET_PATH_MAX 106

/*
 * "unix://DIR/HASH", malloc'ed; HASH is the SHA-256 of ADDRESS/NS/GROUP as a clean path. `owner` stands for ADDRESS.
 * InvalidArgument when it would be too long for a socket.
 */
int shim_socket_address(const char *dir, const char *owner, const char *ns, const char *group,
                        char **ret, struct err *err);
/*
 * Listens there, mode 0600, its directory made 0700. 1: a living shim answers at that address (*ret_fd untouched).
 * A stale file is removed.
 */
int shim_socket_listen(const char *address, int *ret_fd, struct err *err);
/* Removes the file of an address that nobody answers at. */
void shim_socket_remove_stale(const char *address);
/* Removes the file that the socket behind fd is bound to. */
void shim_socket_remove(int listen_fd);
