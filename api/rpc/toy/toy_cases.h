/* SPDX-License-Identifier: Apache-2.0 */
/* What every transport must do, tested through its channel to a toy service. Assertions are cmocka's. */
#pragma once

#include "api/rpc/toy/toy.h"

void toy_case_unary(struct rpc_channel *ch);
void toy_case_errors(struct rpc_channel *ch);
void toy_case_server_stream(struct rpc_channel *ch);
void toy_case_large_data(struct rpc_channel *ch);
void toy_case_client_stream(struct rpc_channel *ch);
void toy_case_bidi(struct rpc_channel *ch);
/* The caller leaves in the middle of each kind of stream; the handler must end. */
void toy_case_stream_cancel(struct rpc_channel *ch, struct toy *t);
/* RPC_LATER: answered, failed, and given up by the caller. */
void toy_case_later(struct rpc_channel *ch, struct toy *t);

/* One Echo; ends the test when it fails. */
Ross__Toy__Word *toy_echo_call(struct rpc_channel *ch, const struct call_ctx *ctx, const char *text,
                               struct arena *arena);
