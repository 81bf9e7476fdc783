/* SPDX-License-Identifier: Apache-2.0 */
/* What every implementation of the snapshots contract must answer (reference section 8): one suite for all of them. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "snapshots.h"

struct snapshots_conformance {
    struct snapshots *s;
    const char *ns;    /* namespace of the calls */
    const char *lease; /* which keeps what the suite makes from a garbage collector; NULL = none */
    bool bad_filter_is_unknown; /* containerd 1.x does not give that error its class */
    bool rebase;                /* commit takes a parent (containerd 2.2 and newer) */
    unsigned layers;            /* of the deep chain; 0 = 500 */
    const char *only;           /* run only this case; NULL = all */
    FILE *to;                   /* a line for each case, and for each thing found wrong */
};

/* Leaves no snapshot behind. Returns the number of cases that failed; *ret_run counts those that ran. */
unsigned snapshots_conformance_run(const struct snapshots_conformance *opt, unsigned *ret_run);
