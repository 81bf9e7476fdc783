/* SPDX-License-Identifier: Apache-2.0 */
/* The content contract over a channel: our contentd or a containerd. */
#pragma once

#include "api/rpc/rpc.h"
#include "libross/contract/content.h"

/* Borrows the channel. Writer streams split data into messages of at most 1 MiB. */
struct content *content_client_new(struct rpc_channel *ch);
