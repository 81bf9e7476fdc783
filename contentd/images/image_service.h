/* SPDX-License-Identifier: Apache-2.0 */
/* The Images service. */
#pragma once

#include "api/rpc/rpc.h"
#include "contentd/store/gc_hook.h"
#include "libross/db/db.h"

struct image_service {
    struct db *db;
    struct gc_hook *gc; /* may be NULL */
};

/* `s` is borrowed. */
struct rpc_service image_service(struct image_service *s);
