/* SPDX-License-Identifier: Apache-2.0 */
/* The snapshots contract over a channel: our snapshotter or a containerd. */
#pragma once

#include "api/rpc/rpc.h"
#include "libross/contract/snapshots.h"

/* Borrows the channel. `snapshotter` fills the field of the same name in each request ("ross", "overlayfs"). */
struct snapshots *snapshots_client_new(struct rpc_channel *ch, const char *snapshotter);
