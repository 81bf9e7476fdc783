/* SPDX-License-Identifier: Apache-2.0 */
/* Completion scripts for shells, made from a table of commands. */
#pragma once

#include "ross-cli/command.h"

/* What is completed: the commands, and the options that stand before them. */
struct completion_table {
    const struct command_row *const *commands;
    size_t n;
    const struct option_row *options;
    size_t n_options;
};

/* Writes the script for "bash", "zsh" or "fish"; InvalidArgument for another shell. */
int completion_write(FILE *to, const char *shell, const struct completion_table *t,
                     struct err *err);

/*
 * What stands behind an option, from its `arg`: "file", "dir", "-" (anything), or words with '|' between them.
 * Valid until the next call.
 */
const char *completion_option_kind(const struct option_row *o);
/* What the arguments of a command are, from its synopsis: "container", "image", "file" or "-". */
const char *completion_word_kind(const struct command_row *c);
