/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serves rpc tables over gRPC (C core) on a unix socket. The only directory that includes grpc headers
 * (whose own names start with grpc_ too: grpc_server_start is theirs).
 */
#pragma once

#include "api/rpc/rpc.h"

struct grpc_service_host;

struct grpc_server_options {
    const char *address; /* socket path, "unix://" allowed; ignored when listen_fd >= 0 */
    int listen_fd; /* socket handed over by systemd or a parent, -1 = bind address (0600, parents 0711) */
    unsigned threads_max; /* calls running at the same time, streams included; 0 = 256 */
    bool any_uid;         /* false: only peers of our own uid or root (SO_PEERCRED) are served */
};

/*
 * Binds and starts serving. Services are copied, what they point at is borrowed. Failed calls are logged once here.
 * Also answers grpc.health.v1 Check/List/Watch by itself (SERVING for "" and each service name).
 * FailedPrecondition when another process serves the address.
 */
int grpc_server_serve(const struct grpc_server_options *opt, const struct rpc_service *services,
                      size_t n, struct grpc_service_host **ret, struct err *err);
/* Calls running now, and the monotonic time since when there have been none (for --idle-exit). */
unsigned grpc_server_busy(const struct grpc_service_host *h, int64_t *ret_idle_since_ns);
/* Stops accepting, lets calls end for up to grace_ms, cancels the rest, frees. Removes the socket it bound. */
void grpc_server_stop(struct grpc_service_host *h, int grace_ms);
