/* SPDX-License-Identifier: Apache-2.0 */
/* A call on the serving side as its transport sees it. For transports only; handlers use rpc.h. */
#pragma once

#include "api/rpc/rpc.h"
#include "api/rpc/rpc_bind.h"

/* What a transport does for a handler. */
struct rpc_call_ops {
    int (*recv)(struct rpc_call *call, const void **ret_msg, struct err *err);
    int (*send)(struct rpc_call *call, const ProtobufCMessage *msg, struct err *err);
    /* rpc_send_buffer(); NULL when send always copies. */
    void *(*send_buffer)(struct rpc_call *call, size_t want, size_t *ret_n);
    /* rpc_finish(); NULL when handlers must not return RPC_LATER. */
    void (*finish)(struct rpc_call *call, int r, const ProtobufCMessage *reply,
                   const struct err *err);
};

/* Embedded in the transport's own call. */
struct rpc_call {
    const struct rpc_call_ops *ops;
    struct rpc_route route;
    struct call_ctx ctx;
    atomic_bool cancelled; /* ctx.cancelled points here */
    struct arena arena;
    ProtobufCAllocator allocator;
    void *reply;
    void *send_buffer; /* in the arena, of transports that have none of their own */
    void (*on_cancel)(void *arg);
    void *on_cancel_arg;
};

void rpc_call_init(struct rpc_call *call, const struct rpc_call_ops *ops,
                   const struct rpc_route *route);
void rpc_call_done(struct rpc_call *call);

/* Takes a metadata pair that came with the call: namespace and lease are kept in ctx, anything else is ignored. */
void rpc_call_meta(struct rpc_call *call, const char *key, size_t key_len, const char *value,
                   size_t value_len);

/*
 * Unpacks the request (n bytes; ignored for client streams) and runs the handler: 0 and call->reply for kinds that have
 * one, RPC_LATER, or a negative code with err filled in whatever the handler left there.
 */
int rpc_call_run(struct rpc_call *call, const void *bytes, size_t n, struct err *err);

/* Marks the call cancelled and tells the keeper of a RPC_LATER call, once. */
void rpc_call_cancel(struct rpc_call *call);
