/* SPDX-License-Identifier: Apache-2.0 */
/* Containers that a command is for: those it names, or those that --all, --latest, --filter and --cidfile choose. */
#pragma once

#include <stdbool.h>

#include "each.h"
#include "libross/base/strv.h"
#include "libross/config/options.h"
#include "ross-cli/run/container_status.h"

struct choice {
    bool all, latest, ignore;
    struct strv filters, cidfiles;
};

/* Rows for the options of a command whose struct has a `struct choice choice`. */
#define CHOICE_OFFSET(of, member) (offsetof(of, choice) + offsetof(struct choice, member))
#define CHOICE_ALL(of, key)                                                                        \
    {                                                                                              \
        .name = "all", .letter = key, .type = OPTION_FLAG, .offset = CHOICE_OFFSET(of, all),       \
        .help = "all containers that it can be done to, instead of names"                          \
    }
#define CHOICE_LATEST(of)                                                                          \
    {                                                                                              \
        .name = "latest", .letter = 'l', .type = OPTION_FLAG, .offset = CHOICE_OFFSET(of, latest), \
        .help = "the container made last, instead of names"                                        \
    }
#define CHOICE_FILTER(of, key)                                                                     \
    {                                                                                              \
        .name = "filter", .letter = key, .type = OPTION_STRV,                                      \
        .offset = CHOICE_OFFSET(of, filters), .arg = "KEY=VALUE",                                  \
        .help = "of all only those that fit, as with ps"                                           \
    }
#define CHOICE_CIDFILE(of)                                                                         \
    {                                                                                              \
        .name = "cidfile", .type = OPTION_STRV, .offset = CHOICE_OFFSET(of, cidfiles),             \
        .arg = "FILE", .help = "the container whose id is in a file"                               \
    }
#define CHOICE_IGNORE(of)                                                                          \
    {                                                                                              \
        .name = "ignore", .letter = 'i', .type = OPTION_FLAG, .offset = CHOICE_OFFSET(of, ignore), \
        .help = "no complaint about one that is not there"                                         \
    }

/*
 * fn for each of them, as each_container() does.
 *   able  does --all mean one in this state? NULL = every one
 * EXIT_USAGE, with a line on stderr, when nothing is chosen; InvalidArgument when names are there as well.
 */
typedef bool (*choice_able_fn)(const struct container_status *st);
int choice_each(struct session *s, const struct choice *how, int n_words, char **words, bool echo,
                choice_able_fn able, each_fn fn, void *arg, struct err *err);

bool choice_runs(const struct container_status *st);    /* running or paused, or about to start */
bool choice_is_idle(const struct container_status *st); /* anything else */
bool choice_is_running(const struct container_status *st);
bool choice_is_paused(const struct container_status *st);
