/* SPDX-License-Identifier: Apache-2.0 */
/* What a pull shows: one live line a layer on a terminal, plain lines elsewhere. */
#pragma once

#include <stdio.h>

#include "ross-cli/pull/pull.h"

struct progress;

/* quiet: nothing at all. Live when `to` is a terminal. */
struct progress *progress_new(FILE *to, bool quiet);
/* A pull_event_fn; arg is the progress. */
void progress_event(const struct pull_event *ev, void *arg);
/* Leaves the cursor below the lines. NULL is fine. */
void progress_free(struct progress *p);
DEFINE_AUTO_PTR(progress)
