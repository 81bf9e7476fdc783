/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for what is sent: filled by a handler, then given to gRPC without a copy, and back here when the peer has it.
 * All calls of the process share a bounded number of large pieces, so that peers who do not read cannot make it grow.
 */
#pragma once

#include "grpc_core.h"

#define SEND_BUFFER_BYTES       (256 * 1024)
#define SEND_BUFFER_SMALL_BYTES (32 * 1024) /* what there is when all large ones are taken */
#define SEND_BUFFERS_MAX        64

/* A slice that begins with at least one and at most SEND_BUFFER_BYTES bytes; unref when it is not sent. Any thread. */
grpc_slice send_buffer_get(size_t want);
/* How many large ones are out; for tests. */
unsigned send_buffers_out(void);
