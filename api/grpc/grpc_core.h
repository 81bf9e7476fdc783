/* SPDX-License-Identifier: Apache-2.0 */
/* What the server and the channel share of gRPC's C core. Only this directory includes it. */
#pragma once

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <grpc/support/log.h>
#include <grpc/support/time.h>

#include "api/rpc/rpc.h"

/*
 * Starts the library at first use; it is never shut down, so that no program waits for its threads at exit. Also sets
 * malloc of the whole process to keep some freed memory.
 */
void grpc_core_start(void);

/* The channel arguments of both sides. The array is static. */
const grpc_channel_args *grpc_core_args(void);

/* "unix:///p", "unix:/p" or "/p" → "/p". InvalidArgument when it is not absolute or too long for a socket. */
int grpc_core_socket_path(const char *address, const char **ret, struct err *err);

/* The packed message in one slice; ResourceExhausted beyond RPC_MESSAGE_MAX. */
int grpc_core_pack(const ProtobufCMessage *msg, grpc_byte_buffer **ret, struct err *err);
/* The same, but a bytes field that points to the start of `data` is sent as part of that slice. */
int grpc_core_pack_with(const ProtobufCMessage *msg, const grpc_slice *data, grpc_byte_buffer **ret,
                        struct err *err);
/* Unpacks into the arena and destroys the buffer, also when it fails. NULL is the empty message. */
int grpc_core_unpack(const ProtobufCMessageDescriptor *desc, struct arena *arena,
                     grpc_byte_buffer *bytes, void **ret_msg, struct err *err);

/* The bytes of a buffer in one piece, in the arena. */
int grpc_core_bytes(grpc_byte_buffer *b, struct arena *arena, const void **ret, size_t *ret_n,
                    struct err *err);

/*
 * What one thread gives to gRPC with a tag and another takes from it with that tag is ordered by gRPC's queues,
 * which the thread sanitizer does not see: these tell it.
 */
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#define grpc_core_given(p) __tsan_release(p)
#define grpc_core_taken(p) __tsan_acquire(p)
#else
#define grpc_core_given(p) ((void) 0)
#define grpc_core_taken(p) ((void) 0)
#endif

/* clock_mono_ns() points and gRPC's; 0 is "never". */
gpr_timespec grpc_core_time(int64_t mono_ns);
int64_t grpc_core_mono_ns(gpr_timespec t);
