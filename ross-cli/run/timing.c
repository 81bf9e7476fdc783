/* SPDX-License-Identifier: Apache-2.0 */
/* Where the time of a command went, by phase. */
#include "timing.h"

#include "libross/base/clock.h"

void
timing_begin(struct timing *t)
{
    *t = (struct timing){0};
    t->began_ns = t->last_ns = clock_mono_ns();
}

void
timing_phase(struct timing *t, const char *name)
{
    int64_t now = clock_mono_ns();

    if (t->n < TIMING_PHASES_MAX) {
        t->phases[t->n].name = name;
        t->phases[t->n++].took_ns = now - t->last_ns;
    }
    t->last_ns = now;
}

void
timing_print(const struct timing *t, FILE *to)
{
    for (size_t i = 0; i < t->n; i++)
        fprintf(to, "%-18s %8.2f ms\n", t->phases[i].name,
                (double) t->phases[i].took_ns / NS_PER_MS);
    fprintf(to, "%-18s %8.2f ms\n", "total", (double) (t->last_ns - t->began_ns) / NS_PER_MS);
}
