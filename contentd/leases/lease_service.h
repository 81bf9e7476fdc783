/* SPDX-License-Identifier: Apache-2.0 */
/* The Leases service. */
#pragma once

#include "api/rpc/rpc.h"
#include "contentd/store/gc_hook.h"
#include "libross/db/db.h"

struct lease_service {
    struct db *db;
    struct gc_hook *gc; /* may be NULL */
};

/* `s` is borrowed. */
struct rpc_service lease_service(struct lease_service *s);
