/* SPDX-License-Identifier: Apache-2.0 */
/* How each shell wants its completion rows. */
#pragma once

#include "libross/base/strv.h"
#include "ross-cli/command.h"

struct completion_row {
    const char *name;                  /* "image pull" */
    struct strv subs, sub_helps;       /* words that can follow, and what they do */
    const struct command_row *command; /* NULL for "" and for groups */
    const struct option_row *options;
    size_t n_options;
};

struct completion_shell {
    const char *name, *head, *tail;
    void (*row)(FILE *to, const struct completion_row *row);
};

extern const struct completion_shell completion_shells[];
extern const size_t completion_shells_n;
