/* SPDX-License-Identifier: Apache-2.0 */
/* The Content service over the content contract. */
#pragma once

#include "api/rpc/rpc.h"
#include "libross/contract/content.h"

/* `c` is borrowed. */
struct rpc_service content_service(struct content *c);
