/* SPDX-License-Identifier: Apache-2.0 */
/* commit: a container's root filesystem as a new image. */
#include <stdio.h>

#include "cmd.h"
#include "libross/base/parse.h"
#include "ross-cli/run/container_commit.h"
#include "ross-cli/run/container_status.h"

struct commit_options {
    const char *author, *message;
    struct strv changes;
    bool keep_running;
};

#define COMMIT(member) offsetof(struct commit_options, member)

static int
parse_pause(const char *value, void *into, struct err *err)
{
    struct commit_options *opt = into;
    bool pause;
    int r = parse_bool(value, &pause, err);

    opt->keep_running = !pause;
    return r;
}

static const struct option_row commit_rows[] = {
    {.name = "author",
     .letter = 'a',
     .type = OPTION_STR,
     .offset = COMMIT(author),
     .arg = "TEXT",
     .help = "who made it"},
    {.name = "message",
     .letter = 'm',
     .type = OPTION_STR,
     .offset = COMMIT(message),
     .arg = "TEXT",
     .help = "a comment for the image's history"},
    {.name = "change",
     .letter = 'c',
     .type = OPTION_STRV,
     .offset = COMMIT(changes),
     .arg = "INSTRUCTION",
     .help = "a line of a Dockerfile for the image's config, such as 'CMD [\"sh\"]' or 'ENV A=1'"},
    {.name = "pause",
     .letter = 'p',
     .type = OPTION_CALL,
     .arg = "true|false",
     .help = "freeze the container meanwhile (default true)",
     .parse = parse_pause},
};

static int
commit_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct commit_options *opt = options;
    const struct container_commit how = {
        .name = n_words > 1 ? words[1] : NULL,
        .author = opt->author,
        .message = opt->message,
        .changes = &opt->changes,
        .pause = !opt->keep_running,
    };
    auto_free char *name = NULL, *id = NULL;
    AUTO(container) c = {0};
    int r;

    r = container_find(s, words[0], &c, err);
    if (r == 0)
        r = container_commit(s, &c, &how, &name, &id, err);
    if (r == 0)
        printf("%s\n", id);
    return r;
}

const struct command_row cmd_commit = {
    .path = "commit",
    .aliases = "container commit",
    .synopsis = "[OPTION…] CONTAINER [IMAGE]",
    .summary = "Makes an image of what a container has changed",
    .options = commit_rows,
    .n_options = ARRAY_LEN(commit_rows),
    .options_size = sizeof(struct commit_options),
    .words_min = 1,
    .words_max = 2,
    .run = commit_run,
};
