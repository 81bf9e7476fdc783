/* SPDX-License-Identifier: Apache-2.0 */
/* rename, update: what is recorded of containers. */
#include <string.h>

#include "cmd.h"
#include "each.h"
#include "libross/base/parse.h"
#include "ross-cli/run/container_change.h"
#include "ross-cli/run/container_status.h"

/* ---- rename ---- */

static int
rename_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    AUTO(container) c = {0};
    int r;

    (void) options;
    (void) n_words;
    r = container_find(s, words[0], &c, err);
    return r < 0 ? r : container_rename(s, &c, words[1], err);
}

const struct command_row cmd_rename = {
    .path = "rename",
    .aliases = "container rename",
    .synopsis = "CONTAINER NAME",
    .summary = "Gives a container another name",
    .words_min = 2,
    .words_max = 2,
    .run = rename_run,
};

/* ---- update ---- */

struct update_options {
    struct run_options limits;
    const char *restart;
};

#define UPDATE(member) offsetof(struct update_options, limits.member)

static int
parse_memory_swap(const char *value, void *into, struct err *err)
{
    struct update_options *opt = into;

    opt->limits.memory_swap_unlimited = strcmp(value, "-1") == 0;
    return opt->limits.memory_swap_unlimited ? 0 : parse_size(value, &opt->limits.memory_swap, err);
}

static const struct option_row update_rows[] = {
    {.name = "memory",
     .letter = 'm',
     .type = OPTION_SIZE,
     .offset = UPDATE(memory),
     .arg = "SIZE",
     .help = "memory limit"},
    {.name = "memory-swap",
     .type = OPTION_CALL,
     .arg = "SIZE",
     .help = "memory and swap together, -1 = no limit",
     .parse = parse_memory_swap},
    {.name = "memory-reservation",
     .type = OPTION_SIZE,
     .offset = UPDATE(memory_reservation),
     .arg = "SIZE",
     .help = "soft memory limit"},
    {.name = "cpus",
     .type = OPTION_STR,
     .offset = UPDATE(cpus),
     .arg = "N",
     .help = "processors, such as 1.5"},
    {.name = "cpu-shares",
     .letter = 'c',
     .type = OPTION_I64,
     .offset = UPDATE(cpu_shares),
     .arg = "N",
     .help = "share of the processors, relative to others"},
    {.name = "cpuset-cpus",
     .type = OPTION_STR,
     .offset = UPDATE(cpuset_cpus),
     .arg = "LIST",
     .help = "only these processors: 0-2,4"},
    {.name = "cpuset-mems",
     .type = OPTION_STR,
     .offset = UPDATE(cpuset_mems),
     .arg = "LIST",
     .help = "only these memory nodes"},
    {.name = "pids-limit",
     .type = OPTION_I64,
     .offset = UPDATE(pids_limit),
     .arg = "N",
     .help = "most processes, -1 = no limit"},
    {.name = "restart",
     .type = OPTION_STR,
     .offset = offsetof(struct update_options, restart),
     .arg = "POLICY",
     .help = "no, on-failure[:N], always or unless-stopped"},
};

static int
update_one(struct session *s, const struct container *c, void *arg, struct err *err)
{
    return container_update(s, c, arg, err);
}

static int
update_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct update_options *opt = options;
    struct container_update how = {.limits = &opt->limits, .restart = opt->restart};

    return each_container(s, n_words, words, true, update_one, &how, err);
}

const struct command_row cmd_update = {
    .path = "update",
    .aliases = "container update",
    .synopsis = "[OPTION…] CONTAINER…",
    .summary = "Changes the limits or the restart policy of containers",
    .options = update_rows,
    .n_options = ARRAY_LEN(update_rows),
    .options_size = sizeof(struct update_options),
    .words_min = 1,
    .words_max = -1,
    .run = update_run,
};
