/* SPDX-License-Identifier: Apache-2.0 */
/* logs: what a container wrote. */
#include <string.h>

#include "cmd.h"
#include "libross/base/mem.h"
#include "libross/base/parse.h"
#include "ross-cli/run/container_logs.h"
#include "ross-cli/run/container_status.h"
#include "time_word.h"

struct logs_options {
    bool follow, times;
    const char *tail, *since, *until;
};

#define LOGS(member) offsetof(struct logs_options, member)

static const struct option_row logs_rows[] = {
    {.name = "follow",
     .letter = 'f',
     .type = OPTION_FLAG,
     .offset = LOGS(follow),
     .help = "go on until the container has ended"},
    {.name = "timestamps",
     .letter = 't',
     .type = OPTION_FLAG,
     .offset = LOGS(times),
     .help = "the time before each line"},
    {.name = "tail",
     .letter = 'n',
     .type = OPTION_STR,
     .offset = LOGS(tail),
     .arg = "N",
     .help = "only the last N lines, or all (default)"},
    {.name = "since",
     .type = OPTION_STR,
     .offset = LOGS(since),
     .arg = "TIME",
     .help = "only newer lines: 2006-01-02T15:04:05Z, 2006-01-02, seconds since 1970, or how long "
             "ago: 10m"},
    {.name = "until",
     .type = OPTION_STR,
     .offset = LOGS(until),
     .arg = "TIME",
     .help = "only older lines; with -f it ends then"},
};

static int
logs_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct logs_options *opt = options;
    struct container_logs how = {.follow = opt->follow, .times = opt->times, .tail = -1};
    AUTO(container) c = {0};
    uint32_t tail;
    int r = 0;

    (void) n_words;
    if (opt->tail && strcmp(opt->tail, "all") != 0) {
        r = parse_u32(opt->tail, &tail, err);
        how.tail = tail;
        if (r < 0)
            return err_wrap(err, r, "--tail");
    }
    if (opt->since)
        r = time_word_parse("--since", opt->since, &how.since_ns, err);
    if (r == 0 && opt->until)
        r = time_word_parse("--until", opt->until, &how.until_ns, err);
    if (r == 0)
        r = container_find(s, words[0], &c, err);
    return r < 0 ? r : container_logs(s, &c, &how, err);
}

const struct command_row cmd_logs = {
    .path = "logs",
    .aliases = "container logs",
    .synopsis = "[OPTION…] CONTAINER",
    .summary = "Prints what a container wrote",
    .options = logs_rows,
    .n_options = ARRAY_LEN(logs_rows),
    .options_size = sizeof(struct logs_options),
    .words_min = 1,
    .words_max = 1,
    .run = logs_run,
};
