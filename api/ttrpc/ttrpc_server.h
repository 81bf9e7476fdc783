/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serves rpc tables over ttrpc on an epoll loop, in one thread: handlers run on the loop and either answer at once or
 * return RPC_LATER. Nothing here waits for a peer: a client that stops reading is closed when its queue of unsent
 * answers exceeds TTRPC_UNSENT_MAX.
 */
#pragma once

#include "api/rpc/rpc.h"
#include "libross/base/loop.h"

#define TTRPC_UNSENT_MAX (8 * 1024 * 1024)
#define TTRPC_CONNS_MAX  512 /* open connections; beyond, the oldest idle one is closed */

struct ttrpc_server;

/*
 * Accepts on listen_fd (borrowed; non-blocking is set). Peers must have our effective uid and gid or be root.
 * Services are copied, what they point at is borrowed.
 */
int ttrpc_server_new(struct loop *loop, int listen_fd, const struct rpc_service *services, size_t n,
                     struct ttrpc_server **ret, struct err *err);
/* Closes every connection (running calls see their on_cancel) and stops listening. */
void ttrpc_server_free(struct ttrpc_server *s);
/* True when every answer handed over has been written to its socket. */
bool ttrpc_server_flushed(const struct ttrpc_server *s);
