/* SPDX-License-Identifier: Apache-2.0 */
/* The Containers service. */
#pragma once

#include "api/rpc/rpc.h"
#include "contentd/store/gc_hook.h"
#include "libross/db/db.h"

struct container_service {
    struct db *db;
    struct gc_hook *gc; /* may be NULL */
};

/* `s` is borrowed. */
struct rpc_service container_service(struct container_service *s);
