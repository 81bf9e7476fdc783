/* SPDX-License-Identifier: Apache-2.0 */
/* completion: the script for a shell. */
#include "cmd.h"
#include "completion.h"

static int
completion_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct completion_table t = {.commands = commands,
                                       .n = commands_n,
                                       .options = session_option_rows,
                                       .n_options = session_option_rows_n};

    (void) s;
    (void) options;
    (void) n_words;
    return completion_write(stdout, words[0], &t, err);
}

const struct command_row cmd_completion = {
    .path = "completion",
    .synopsis = "bash|zsh|fish",
    .summary = "Prints the completion script for a shell",
    .words_min = 1,
    .words_max = 1,
    .run = completion_run,
};
