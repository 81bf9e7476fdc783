/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who works in the directory of a snapshot: one layer is applied to it at a time, and it is not committed meanwhile. A
 * directory that somebody works in is not removed before he has ended. Thread safe.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libross/base/call_ctx.h"
#include "libross/base/err.h"

struct snap_claims;

struct snap_claims *snap_claims_new(void);
void snap_claims_free(struct snap_claims *c); /* nothing is claimed any more; NULL is fine */

/* To fill the directory: waits for whoever has it. Canceled, DeadlineExceeded: the caller does not wait any longer. */
int snap_claims_fill(struct snap_claims *c, uint64_t id, const struct call_ctx *ctx,
                     struct err *err);
/* To commit it: waits for another commit; FailedPrecondition while it is filled. */
int snap_claims_commit(struct snap_claims *c, uint64_t id, const struct call_ctx *ctx,
                       struct err *err);
/* Ends either. True: the snapshot was removed meanwhile, and the directory is the caller's to remove. */
bool snap_claims_end(struct snap_claims *c, uint64_t id);

/* The snapshot is no more. False: nobody has its directory; true: whoever has it is told. */
bool snap_claims_revoke(struct snap_claims *c, uint64_t id);
/* For whoever has it: shall he stop? */
bool snap_claims_is_revoked(struct snap_claims *c, uint64_t id);
