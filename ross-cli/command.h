/* SPDX-License-Identifier: Apache-2.0 */
/* The command table: one row a command; parsing, help, manual pages and completion come from it. */
#pragma once

#include <stddef.h>

#include "libross/base/err.h"
#include "libross/config/options.h"
#include "ross-cli/session/session.h"

#define EXIT_USAGE 2 /* the command line itself was wrong */
#define EXIT_OURS                                                                                  \
    125 /* we failed; 126 and 127 belong to the container's command, as docker has them */

struct command_row {
    const char *path;     /* "image pull": words from the left */
    const char *aliases;  /* other paths, separated by ", ", or NULL */
    const char *synopsis; /* after the path: "[OPTION…] REF" */
    const char *summary;  /* one sentence */
    const struct option_row *options;
    size_t n_options;
    const size_t *options_count; /* instead of n_options, for a table of another file */
    size_t options_size;         /* of the struct that the options fill in; zeroed before */
    int words_min, words_max;    /* arguments after the options; max -1 = any number */
    bool stop_at_word;           /* the rest belongs to somebody else (run IMAGE CMD…) */
    bool hidden;                 /* not for people: neither in help nor in completion */
    /*
     * Returns the exit code of the process (>= 0), or a negative code with err, which main prints as one sentence and
     * turns into EXIT_OURS (InvalidArgument that names a wrong option: EXIT_USAGE is main's own, from parsing).
     */
    int (*run)(struct session *s, const void *options, int n_words, char **words, struct err *err);
};

extern const struct command_row *const commands[];
extern const size_t commands_n;

/* How many rows `options` has. */
static inline size_t
command_options_n(const struct command_row *c)
{
    return c->options_count ? *c->options_count : c->n_options;
}
