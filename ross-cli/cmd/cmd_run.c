/* SPDX-License-Identifier: Apache-2.0 */
/* run, create: an image to an exit code, or to a container that waits. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "ross-cli/run/container_run.h"
#include "ross-cli/ui/progress.h"

static int
run_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct run_options *opt = options;
    AUTO_PTR(progress) progress = progress_new(stderr, opt->quiet);
    auto_free char *id = NULL;
    AUTO(strv) args = {0};
    int status = 0, r;

    for (int i = 1; i < n_words; i++)
        strv_add(&args, words[i]);
    if (opt->tty && opt->interactive && !opt->detach && !isatty(STDIN_FILENO))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "-t with -i needs a terminal as standard input; leave -t out");
    if (opt->restart && strcmp(opt->restart, "no") != 0 && !opt->detach)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "--restart needs -d: what runs in the foreground ends with its ross-cli");
    r = container_run(s, opt, words[0], &args, progress_event, progress, &status, &id, err);
    if (id)
        printf("%s\n", id);
    if (r < 0 && !status)
        return r;
    if (r < 0)
        fprintf(stderr, "ross-cli: %s\n", err->msg);
    return status;
}

static int
create_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct run_options *opt = options;
    AUTO_PTR(progress) progress = progress_new(stderr, opt->quiet);
    auto_free char *id = NULL;
    AUTO(strv) args = {0};
    int r;

    if (opt->detach)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "create starts nothing, so --detach means nothing here; leave it out");
    if (opt->detach_keys)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "create starts nothing; give --detach-keys to 'ross-cli start' instead");
    for (int i = 1; i < n_words; i++)
        strv_add(&args, words[i]);
    r = container_create(s, opt, words[0], &args, progress_event, progress, &id, err);
    if (r == 0)
        printf("%s\n", id);
    return r;
}

const struct command_row cmd_run = {
    .path = "run",
    .aliases = "container run",
    .synopsis = "[OPTION…] IMAGE [COMMAND [ARG…]]",
    .summary = "Runs a command in a new container, fetching the image when it is not here",
    .options = run_option_rows,
    .options_count = &run_option_rows_n,
    .options_size = sizeof(struct run_options),
    .words_min = 1,
    .words_max = -1,
    .stop_at_word = true,
    .run = run_run,
};

const struct command_row cmd_create = {
    .path = "create",
    .aliases = "container create",
    .synopsis = "[OPTION…] IMAGE [COMMAND [ARG…]]",
    .summary = "Makes a container without starting it",
    .options = run_option_rows,
    .options_count = &run_option_rows_n,
    .options_size = sizeof(struct run_options),
    .words_min = 1,
    .words_max = -1,
    .stop_at_word = true,
    .run = create_run,
};
