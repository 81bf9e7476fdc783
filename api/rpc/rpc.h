/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Remote calls without a transport: services are tables of rows {method, kind, handler}, served over gRPC, ttrpc and
 * in-process loopback; a channel calls services over any of the three.
 *
 * Messages are protobuf-c structs (void * here, ProtobufCMessage at the bottom). Whatever a call unpacks or answers
 * lives in the call's arena: handlers free nothing.
 *
 * The structs are generated at build time, one header for each .proto at its own path:
 * #include "services/content/v1/content.pb-c.h". api/proto/CMakeLists.txt lists the libraries to link
 * (ross_proto_services, ross_proto_task, …).
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "libross/base/arena.h"
#include "libross/base/call_ctx.h"
#include "libross/base/err.h"
#include "libross/base/mem.h"

#define RPC_MESSAGE_MAX                                                                            \
    (16 * 1024 * 1024) /* containerd's limit in both directions, reference 12.1 */

/*
 * RPC_QUICK is a unary method whose handler waits neither for a peer nor for a disk to sync: a transport may run it on
 * the thread that polls.
 */
enum rpc_kind { RPC_UNARY, RPC_QUICK, RPC_SERVER_STREAM, RPC_CLIENT_STREAM, RPC_BIDI };

static inline bool
rpc_kind_is_unary(enum rpc_kind kind)
{
    return kind == RPC_UNARY || kind == RPC_QUICK;
}

/* One call, seen by its handler. */
struct rpc_call;

/*
 * Answers one call. `request` is the unpacked message (NULL for RPC_CLIENT_STREAM and RPC_BIDI, which use rpc_recv);
 * `reply` is initialised and filled in by the handler (NULL for RPC_SERVER_STREAM and RPC_BIDI, which use rpc_send).
 * Returns 0, a negative code with err, or RPC_LATER when the handler keeps `call` and ends it with rpc_finish()
 * (ttrpc and loopback only; unary only).
 */
typedef int (*rpc_handler)(struct rpc_call *call, void *impl, const void *request, void *reply,
                           struct err *err);
#define RPC_LATER 1

struct rpc_method {
    const char *name; /* as in the descriptor */
    enum rpc_kind kind;
    rpc_handler handler;
};

/* Rows are static const tables. Methods of the descriptor without a row answer Unimplemented. */
struct rpc_service {
    const ProtobufCServiceDescriptor *desc;
    const struct rpc_method *methods;
    size_t n_methods;
    void *impl; /* first argument of each handler after the call */
};

/*
 * Checks at start that every row names a method of its descriptor once; Internal naming the row otherwise. Servers
 * call it for each service.
 */
int rpc_service_check(const struct rpc_service *svc, struct err *err);

/* What a handler may ask of its call. */
const struct call_ctx *rpc_call_ctx(const struct rpc_call *call);
struct arena *rpc_call_arena(struct rpc_call *call);
/* The allocator that unpacks into the call's arena, for nested Anys. */
ProtobufCAllocator *rpc_call_allocator(struct rpc_call *call);
/* The next message of the client: 1 and *ret_msg (valid until the next rpc_recv), 0 at half-close, negative code. */
int rpc_recv(struct rpc_call *call, const void **ret_msg, struct err *err);
/* Sends one message of a stream; blocks while the peer's window is full; Canceled when the peer is gone. */
int rpc_send(struct rpc_call *call, const void *msg, struct err *err);
/*
 * Memory for a large bytes field of the next message: when the field points to its start, it is sent without a copy.
 * 1 to `want` bytes, *ret_n says how many; valid until the next rpc_send.
 */
void *rpc_send_buffer(struct rpc_call *call, size_t want, size_t *ret_n);
bool rpc_call_cancelled(const struct rpc_call *call);
/* Ends a call whose handler returned RPC_LATER. r 0 and the reply, or a negative code and err. Frees the call. */
void rpc_finish(struct rpc_call *call, int r, const void *reply, const struct err *err);
/* The reply message that was passed to the handler, for RPC_LATER users. */
void *rpc_call_reply(struct rpc_call *call);
/*
 * For a call kept with RPC_LATER: fn(arg) when the peer goes away before rpc_finish (which is still owed). NULL
 * unsets.
 */
void rpc_call_on_cancel(struct rpc_call *call, void (*fn)(void *arg), void *arg);

/* ---- the calling side ---- */

/* A connection to a server, shared by threads unless its maker says otherwise. */
struct rpc_channel;
struct rpc_stream;

/*
 * One unary call. The reply is unpacked into `arena`. Namespace, lease and deadline are taken from ctx (NULL = none).
 * Errors carry the server's code and message; Unavailable naming the address when it cannot be reached.
 */
int rpc_invoke(struct rpc_channel *ch, const struct call_ctx *ctx,
               const ProtobufCServiceDescriptor *svc, const char *method, const void *request,
               struct arena *arena, void **ret_reply, struct err *err);

/* Opens a streaming call of any kind. ctx->cancelled must live as long as the stream. */
int rpc_stream_open(struct rpc_channel *ch, const struct call_ctx *ctx,
                    const ProtobufCServiceDescriptor *svc, const char *method,
                    struct rpc_stream **ret, struct err *err);
int rpc_stream_send(struct rpc_stream *s, const void *msg, struct err *err);
int rpc_stream_close_send(struct rpc_stream *s, struct err *err);
/* 1 and the message (unpacked into arena), 0 when the server ended with OK, else its code. */
int rpc_stream_recv(struct rpc_stream *s, struct arena *arena, void **ret_msg, struct err *err);
/* Cancels when not ended. NULL is fine. */
void rpc_stream_free(struct rpc_stream *s);
DEFINE_AUTO_PTR(rpc_stream)

void rpc_channel_free(struct rpc_channel *ch); /* NULL is fine */
DEFINE_AUTO_PTR(rpc_channel)

/* What a transport provides; only api/ includes the parts behind this. */
struct rpc_channel_ops {
    int (*invoke)(struct rpc_channel *ch, const struct call_ctx *ctx,
                  const ProtobufCServiceDescriptor *svc, const ProtobufCMethodDescriptor *method,
                  const ProtobufCMessage *request, struct arena *arena, void **ret_reply,
                  struct err *err);
    int (*stream_open)(struct rpc_channel *ch, const struct call_ctx *ctx,
                       const ProtobufCServiceDescriptor *svc,
                       const ProtobufCMethodDescriptor *method, struct rpc_stream **ret,
                       struct err *err);
    int (*stream_send)(struct rpc_stream *s, const ProtobufCMessage *msg, struct err *err);
    int (*stream_close_send)(struct rpc_stream *s, struct err *err);
    int (*stream_recv)(struct rpc_stream *s, struct arena *arena, void **ret_msg, struct err *err);
    void (*stream_free)(struct rpc_stream *s);
    void (*free)(struct rpc_channel *ch);
};

struct rpc_channel {
    const struct rpc_channel_ops *ops;
};
struct rpc_stream {
    const struct rpc_channel_ops *ops;
};

/* An allocator for protobuf-c that takes from an arena and frees nothing. `a` must outlive it. */
ProtobufCAllocator rpc_arena_allocator(struct arena *a);
