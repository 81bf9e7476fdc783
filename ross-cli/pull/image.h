/* SPDX-License-Identifier: Apache-2.0 */
/* An image from its descriptor down: documents, layers, record. Inside pull/ only; runs on the job's thread. */
#pragma once

#include "ross-cli/pull/job.h"

/*
 * Everything below `target` into the store, the layers of the platform's manifest into snapshots. Fills in all of
 * *ret but name, changed and timing; on error *ret may be partly filled.
 */
int image_fetch(struct job *j, const struct oci_desc *target, struct pull_result *ret,
                struct err *err);
/* Makes the image record or points it at the target. */
int image_record(struct job *j, const struct oci_desc *target, const struct labels *labels,
                 bool *ret_changed, struct err *err);
/*
 * Runs `fn` on a thread of its own while this one tells the board; cancels the job when opt->cancelled is set. Returns
 * what fn returned, or the job's first failure.
 */
int job_conduct(struct job *j, int (*fn)(struct job *j, void *arg, struct err *err), void *arg,
                struct err *err);
