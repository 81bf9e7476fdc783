/* SPDX-License-Identifier: Apache-2.0 */
/* The Version service, the same in every process (reference 11.7). */
#pragma once

#include "api/rpc/rpc.h"

struct rpc_service version_service(void);
