/* SPDX-License-Identifier: Apache-2.0 */
/* containerd.services.snapshots.v1 over the snapshots contract. */
#pragma once

#include "api/rpc/rpc.h"
#include "libross/contract/snapshots.h"

/* Borrows `s`. */
struct rpc_service snapshots_service(struct snapshots *s);
