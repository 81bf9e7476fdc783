/* SPDX-License-Identifier: Apache-2.0 */
/* The Task API, versions 2 and 3, over the containers of a shim. */
#pragma once

#include "api/rpc/rpc.h"
#include "shim.h"

#define TASK_SERVICES 2

/* Fills in both services, which share one table of methods: their messages differ in their names only. */
void task_services(struct shim *shim, struct rpc_service ret[static TASK_SERVICES]);
