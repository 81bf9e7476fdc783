/* SPDX-License-Identifier: Apache-2.0 */
/* User namespaces made from outside: they say how ids are mapped on a mount, or own a network namespace. */
#pragma once

#include "libross/base/err.h"

/* A user namespace with these maps ("C:H:S[,…]", checked by mount_opts_parse); the descriptor is the caller's. */
int idmap_userns_open(const char *uidmap, const char *gidmap, int *ret_fd, struct err *err);
/* Also a network namespace that belongs to it: its root may configure that one. Both descriptors are the caller's. */
int idmap_netns_open(const char *uidmap, const char *gidmap, int *ret_user_fd, int *ret_net_fd,
                     struct err *err);
/* Applies it to the detached mount behind mount_fd (mount_setattr). */
int idmap_set(int mount_fd, int userns_fd, struct err *err);
