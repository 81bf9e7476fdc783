/* SPDX-License-Identifier: Apache-2.0 */
/* What every implementation of the snapshots contract must answer: runs the cases. */
#include "snapshots_conformance.h"

#include <stdio.h>
#include <string.h>

#include "libross/base/clock.h"
#include "libross/base/random.h"
#include "snap_suite.h"

struct totals {
    unsigned failed, run, number;
};

static void
run_case(struct snap_suite *t, const struct snap_case *c, struct totals *totals)
{
    static const char *const words[] = {"FAILED", "ok", "does not apply"};
    int64_t start = clock_mono_ns();
    char id[9];
    int r;

    (void) snprintf(t->prefix, sizeof t->prefix, "/%s/%u/", random_hex(id, 4), totals->number++);
    r = c->fn(t);
    snap_suite_sweep(t);
    (void) fprintf(t->opt->to, "%s: %s (%lld ms)\n", c->name, words[r + 1],
                   (long long) ((clock_mono_ns() - start) / NS_PER_MS));
    totals->failed += r < 0;
    totals->run += r <= 0;
}

unsigned
snapshots_conformance_run(const struct snapshots_conformance *opt, unsigned *ret_run)
{
    static const struct snap_case *const lists[] = {snap_cases_rules, snap_cases_filters,
                                                    snap_cases_mounts, snap_cases_many};
    struct snap_suite t = {.opt = opt, .s = opt->s, .ctx = {.ns = opt->ns, .lease = opt->lease}};
    struct totals totals = {0};

    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (const struct snap_case *c = lists[i]; c->name; c++)
            if (!opt->only || strcmp(opt->only, c->name) == 0)
                run_case(&t, c, &totals);
    for (size_t i = 0; i < SNAP_SUITE_KEYS; i++)
        free(t.keys[i]);
    *ret_run = totals.run;
    return totals.failed;
}
