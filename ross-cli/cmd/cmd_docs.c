/* SPDX-License-Identifier: Apache-2.0 */
/* docs: the parts of the manual pages that come from the table of commands, as Markdown (docs/man/render.py). */
#include <string.h>

#include "cmd.h"
#include "libross/config/options_doc.h"

static void
put_commands(FILE *to)
{
    for (size_t i = 0; i < commands_n; i++) {
        const struct command_row *c = commands[i];

        if (c->hidden)
            continue;
        fprintf(to, "**%s**", c->path);
        if (*c->synopsis) {
            fputs(" ", to);
            markdown_put(to, c->synopsis);
        }
        fputs("\n:   ", to);
        markdown_put(to, c->summary);
        fputs(".", to);
        if (c->aliases)
            fprintf(to, " Also: %s.", c->aliases);
        fputs("\n\n", to);
    }
}

static void
put_command(FILE *to, const struct command_row *c)
{
    fprintf(to, "# SYNOPSIS\n\n**ross-cli %s** ", c->path);
    markdown_put(to, c->synopsis);
    fputs("\n\n# DESCRIPTION\n\n", to);
    markdown_put(to, c->summary);
    fputs(".\n\n", to);
    if (c->aliases)
        fprintf(to, "The same as: **%s**.\n\n", c->aliases);
    if (command_options_n(c)) {
        fputs("# OPTIONS\n\n", to);
        options_markdown(to, c->options, command_options_n(c));
    }
}

/*
 * "list": the commands' paths and summaries; "commands", "options": parts of the page of ross-cli; else a
 * command's page.
 */
static int
docs_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const char *what = words[0];

    (void) s;
    (void) options;
    (void) n_words;
    if (strcmp(what, "commands") == 0) {
        put_commands(stdout);
        return 0;
    }
    if (strcmp(what, "options") == 0) {
        options_markdown(stdout, session_option_rows, session_option_rows_n);
        return 0;
    }
    for (size_t i = 0; i < commands_n; i++) {
        const struct command_row *c = commands[i];

        if (strcmp(what, "list") == 0 && !c->hidden)
            printf("%s\t%s\n", c->path, c->summary);
        if (strcmp(what, c->path) != 0)
            continue;
        put_command(stdout, c);
        return 0;
    }
    if (strcmp(what, "list") == 0)
        return 0;
    return err_set(err, CODE_NOT_FOUND, "no command is called '%.64s'", what);
}

const struct command_row cmd_docs = {
    .path = "docs",
    .synopsis = "list|commands|options|COMMAND",
    .summary = "Prints parts of the manual pages",
    .words_min = 1,
    .words_max = 1,
    .hidden = true,
    .run = docs_run,
};
