/* SPDX-License-Identifier: Apache-2.0 */
/* Where the time of a command went, by phase. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TIMING_PHASES_MAX 16

struct timing {
    struct {
        const char *name;
        int64_t took_ns;
    } phases[TIMING_PHASES_MAX];
    size_t n;
    int64_t began_ns, last_ns;
};

void timing_begin(struct timing *t);
/* The phase that ends now; `name` is borrowed for ever. */
void timing_phase(struct timing *t, const char *name);
void timing_print(const struct timing *t, FILE *to);
