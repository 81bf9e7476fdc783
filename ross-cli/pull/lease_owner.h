/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who made a lease: a process that still runs, or one that was killed and cannot let go of it any more. Noted as a
 * label of the lease: boot, pid namespace, pid and time of start.
 */
#pragma once

#include <stdbool.h>

#include "libross/base/labels.h"

#define LABEL_LEASE_OWNER "ross/owner"

/* This process. */
void lease_owner_set(struct labels *l);
/* True only when it is sure that the process has ended; false for leases of others. */
bool lease_owner_is_gone(const struct labels *l);
