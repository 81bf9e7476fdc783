/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to bytes and back, with bounds. */
#pragma once

#include "api/rpc/rpc.h"

#define RPC_UNPACK_MAX  (64 * 1024 * 1024) /* memory that one message may unfold into */
#define RPC_NESTING_MAX 100                /* messages within messages, as protobuf's own limit */

/*
 * Unpacks n bytes of a peer into the arena. Internal when they are not a message of this type, InvalidArgument when a
 * string is not UTF-8 or holds a NUL, ResourceExhausted beyond RPC_UNPACK_MAX.
 */
int rpc_unpack(const ProtobufCMessageDescriptor *desc, struct arena *arena, const void *bytes,
               size_t n, void **ret_msg, struct err *err);

/*
 * The same for bytes that stay where they are as long as what is in the arena: a bytes field of the outermost message
 * that has at least RPC_IN_PLACE_MIN of them points there and is not copied.
 */
#define RPC_IN_PLACE_MIN 4096
int rpc_unpack_in_place(const ProtobufCMessageDescriptor *desc, struct arena *arena,
                        const void *bytes, size_t n, void **ret_msg, struct err *err);

/*
 * Checks what protobuf-c does not: nesting, UTF-8, NUL bytes in strings. Pure; ok for bytes of any origin.
 */
int rpc_wire_check(const ProtobufCMessageDescriptor *desc, const void *bytes, size_t n,
                   struct err *err);

/* An initialised message of this type in the arena. */
void *rpc_message_new(const ProtobufCMessageDescriptor *desc, struct arena *arena);
