/* SPDX-License-Identifier: Apache-2.0 */
/* The Namespaces service. */
#pragma once

#include "api/rpc/rpc.h"
#include "libross/db/db.h"

/* `db` is borrowed. */
struct rpc_service namespace_service(struct db *db);
