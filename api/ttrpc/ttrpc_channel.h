/* SPDX-License-Identifier: Apache-2.0 */
/* Calls rpc services over ttrpc: a blocking channel for programs with threads, an asynchronous one for loops. */
#pragma once

#include "api/rpc/rpc.h"
#include "libross/base/loop.h"

/*
 * Connects to "unix:///path", "/path", or an abstract name (no scheme, no leading slash; NUL is prefixed). Thread
 * safe and without a thread of its own: threads that wait for answers take turns reading. Unary and streaming.
 * When the connection ends, every call fails with Unavailable, now and later.
 */
int ttrpc_channel_open(const char *address, struct rpc_channel **ret, struct err *err);

/*
 * Asynchronous unary calls on a loop (the shim's event publisher). The connection is made when first needed and again
 * after it broke. Everything is bounded; nothing blocks.
 */
struct ttrpc_async;
struct ttrpc_async *ttrpc_async_new(struct loop *loop, const char *address);
/* done(r, err, arg) is called exactly once, from the loop: 0 or a negative code (DeadlineExceeded after timeout_ms). */
typedef void (*ttrpc_async_fn)(int r, const struct err *err, void *arg);
void ttrpc_async_call(struct ttrpc_async *c, const char *ns, const ProtobufCServiceDescriptor *svc,
                      const char *method, const void *request, int64_t timeout_ms,
                      ttrpc_async_fn done, void *arg);
/* Calls still out fail with Canceled here and now; their done() must not start new ones. NULL is fine. */
void ttrpc_async_free(struct ttrpc_async *c);
