/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that accepts connections on a unix socket and checks who connects. */
#pragma once

#include <stdbool.h>

#include "libross/base/err.h"

struct grpc_listener;

/*
 * Listens at `path` (mode 0600, missing parents are made 0711, a socket that nobody serves is replaced;
 * FailedPrecondition when somebody does) or on listen_fd when it is not negative (borrowed, path may be NULL).
 * fn(fd, arg) takes each connection that is allowed: root, our own uid, or anybody with any_uid.
 */
int grpc_listener_new(const char *path, int listen_fd, bool any_uid, void (*fn)(int fd, void *arg),
                      void *arg, struct grpc_listener **ret, struct err *err);
/* Stops accepting and removes the socket that was bound here, unless it was replaced meanwhile. NULL is fine. */
void grpc_listener_free(struct grpc_listener *l);
