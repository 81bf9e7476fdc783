/* SPDX-License-Identifier: Apache-2.0 */
/* containerd.services.diff.v1. */
#pragma once

#include "api/rpc/rpc.h"
#include "diff_apply.h"

/* Borrows `d`. */
struct rpc_service diff_service(struct diff_settings *d);
