/* SPDX-License-Identifier: Apache-2.0 */
/* A non-blocking ttrpc connection on a loop: frames in, frames out. Under ttrpc_server and ttrpc_async. */
#pragma once

#include "api/rpc/rpc.h"
#include "api/ttrpc/ttrpc_frame.h"
#include "libross/base/loop.h"

struct ttrpc_conn;

/* Both run from the loop and may free the connection. */
struct ttrpc_conn_ops {
    void (*frame)(void *arg, const struct ttrpc_frame *frame);
    /*
     * half: the peer sends nothing more but may still read; called then, and again when all that was queued is written.
     * Else the connection is over, because the peer is gone, does not read, or writing failed, and must be freed.
     */
    void (*ended)(void *arg, bool half);
};

/* Takes fd (a connected socket), also when it fails. `unsent_max` bounds the bytes waiting for a slow peer. */
int ttrpc_conn_new(struct loop *loop, int fd, size_t unsent_max, const struct ttrpc_conn_ops *ops,
                   void *arg, struct ttrpc_conn **ret, struct err *err);
/* Closes. NULL is fine. */
void ttrpc_conn_free(struct ttrpc_conn *c);

/*
 * Sends a frame whose payload is the packed message (NULL: none), or queues it. ResourceExhausted when it is
 * larger than a frame may be, nothing is sent then. A connection that cannot take it ends later, from the loop.
 */
int ttrpc_conn_send(struct ttrpc_conn *c, uint32_t stream_id, enum ttrpc_type type, uint8_t flags,
                    const ProtobufCMessage *msg, struct err *err);
size_t ttrpc_conn_unsent(const struct ttrpc_conn *c);
