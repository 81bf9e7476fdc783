/* SPDX-License-Identifier: Apache-2.0 */
/* ross-cli: finds the command, parses its options, prints its error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "libross/base/log.h"
#include "libross/base/mem.h"
#include "libross/base/version.h"
#include "libross/config/places.h"

#define CONFIG_DEFAULT "/etc/ross/ross-cli.toml"

static int
complain(int exit_code, const struct err *err)
{
    fprintf(stderr, "ross-cli: %s\n", err->msg);
    return exit_code;
}

/* How many words `path` shares with the command line from the left: all of them, or 0. */
static int
path_words(const char *path, size_t len, int n, char **words)
{
    int used = 0;
    size_t word_len;

    while (len) {
        const char *end = memchr(path, ' ', len);

        word_len = end ? (size_t) (end - path) : len;
        if (used >= n || strlen(words[used]) != word_len ||
            strncmp(words[used], path, word_len) != 0)
            return 0;
        used++;
        path += word_len + (end != NULL);
        len -= word_len + (end != NULL);
    }
    return used;
}

/* The command with the longest matching path or alias. *ret_used words belong to its name. */
static const struct command_row *
command_find(int n, char **words, int *ret_used)
{
    const struct command_row *best = NULL;
    const char *alias, *end;
    int used;

    *ret_used = 0;
    for (size_t i = 0; i < commands_n; i++) {
        const struct command_row *c = commands[i];

        used = path_words(c->path, strlen(c->path), n, words);
        for (alias = c->aliases; alias && !used; alias = *end ? end + 2 : NULL) {
            end = strchrnul(alias, ',');
            used = path_words(alias, (size_t) (end - alias), n, words);
        }
        if (used > *ret_used) {
            *ret_used = used;
            best = c;
        }
    }
    return best;
}

static void
help_all(FILE *to)
{
    fprintf(to, "usage: ross-cli [OPTION…] COMMAND [ARG…]\n\nRuns containers without a central "
                "daemon.\n\ncommands:\n");
    for (size_t i = 0; i < commands_n; i++)
        if (!commands[i]->hidden)
            fprintf(to, "  %-18s %s%s%s%s\n", commands[i]->path, commands[i]->summary,
                    commands[i]->aliases ? " (also: " : "",
                    commands[i]->aliases ? commands[i]->aliases : "",
                    commands[i]->aliases ? ")" : "");
    fprintf(to, "\noptions:\n");
    options_help(to, session_option_rows, session_option_rows_n);
    fprintf(to, "\n'ross-cli COMMAND --help' tells more about one command.\n");
}

static void
help_command(FILE *to, const struct command_row *c)
{
    fprintf(to, "usage: ross-cli %s %s\n\n%s.\n", c->path, c->synopsis, c->summary);
    if (c->aliases)
        fprintf(to, "also: %s\n", c->aliases);
    if (command_options_n(c)) {
        fprintf(to, "\noptions:\n");
        options_help(to, c->options, command_options_n(c));
    }
}

/* The commands that start with the word, for "ross-cli image", asked for or as a complaint. How many they are. */
static int
help_group(FILE *to, const char *word)
{
    size_t len = strlen(word);
    int n = 0;

    for (size_t i = 0; i < commands_n; i++)
        if (strncmp(commands[i]->path, word, len) == 0 && commands[i]->path[len] == ' ') {
            if (n++ == 0)
                fprintf(to,
                        to == stdout ? "usage: ross-cli %s WORD…\n\ncommands:\n"
                                     : "ross-cli: '%s' needs one of these words after it:\n",
                        word);
            fprintf(to, "  %-18s %s\n", commands[i]->path, commands[i]->summary);
        }
    return n;
}

static int
complain_unknown(const char *word)
{
    fprintf(stderr, "ross-cli: unknown command '%s', 'ross-cli help' lists them\n", word);
    return EXIT_USAGE;
}

/* "help" and "help WORD…" */
static int
help_about(int n, char **words)
{
    int used;
    bool all = n == 0 || strcmp(words[0], "--help") == 0;
    const struct command_row *c = all ? NULL : command_find(n, words, &used);

    if (all)
        help_all(stdout);
    else if (c)
        help_command(stdout, c);
    else if (!help_group(stdout, words[0]))
        return complain_unknown(words[0]);
    return 0;
}

static bool
asks_for_help(int n, char **words, bool stop_at_word)
{
    for (int i = 0; i < n && strcmp(words[i], "--") != 0; i++) {
        if (strcmp(words[i], "--help") == 0)
            return true;
        if (stop_at_word && words[i][0] != '-')
            return false;
    }
    return false;
}

static int
run_command_with(struct session *s, const struct command_row *c, void *options, int argc,
                 char **argv)
{
    struct err err = {0};
    int words, n, r;

    r = options_parse(c->options, command_options_n(c), options, argc, argv, c->stop_at_word,
                      &words, &err);
    if (r < 0) {
        fprintf(stderr, "ross-cli %s: %s (see 'ross-cli %s --help')\n", c->path, err.msg, c->path);
        return EXIT_USAGE;
    }
    n = argc - words;
    if (n < c->words_min || (c->words_max >= 0 && n > c->words_max)) {
        fprintf(stderr, "ross-cli %s: %s; usage: ross-cli %s %s\n", c->path,
                n < c->words_min ? "an argument is missing" : "too many arguments", c->path,
                c->synopsis);
        return EXIT_USAGE;
    }
    r = c->run(s, options, n, argv + words, &err);
    return r < 0 ? complain(EXIT_OURS, &err) : r;
}

static int
run_command(struct session *s, const struct command_row *c, int argc, char **argv)
{
    auto_free void *options = xcalloc(1, c->options_size ? c->options_size : 1);
    int r;

    if (asks_for_help(argc - 1, argv + 1, c->stop_at_word)) {
        help_command(stdout, c);
        return 0;
    }
    r = run_command_with(s, c, options, argc, argv);
    options_done(c->options, command_options_n(c), options);
    return r;
}

static int
read_settings(struct session_options *opt, struct err *err)
{
    struct session_options from_file = {0};
    const char **to, **from;
    int r;

    if (!opt->config && access(CONFIG_DEFAULT, F_OK) < 0)
        return 0;
    r = options_read_file(opt->config ? opt->config : CONFIG_DEFAULT, session_option_rows,
                          session_option_rows_n, &from_file, err);
    if (r < 0)
        return r;
    /* the command line wins */
    for (size_t i = 0; i < session_option_rows_n; i++) {
        if (session_option_rows[i].type != OPTION_STR)
            continue;
        to = (const char **) ((char *) opt + session_option_rows[i].offset);
        from = (const char **) ((char *) &from_file + session_option_rows[i].offset);
        if (!*to)
            *to = *from;
    }
    return 0;
}

/*
 * Everything is done and said; the kernel closes what is open. Taking gRPC apart would cost milliseconds, because its
 * threads sleep between looks at whether they shall end. Only a leak checker wants to see it.
 */
__attribute__((noreturn)) static void
leave(struct session *s, int exit_code)
{
#ifdef __SANITIZE_ADDRESS__
    session_done(s);
    exit(exit_code);
#else
    (void) s;
    _exit(exit_code);
#endif
}

int
main(int argc, char **argv)
{
    struct session_options opt = {0};
    const struct command_row *command;
    enum log_level level = LOG_WARN;
    struct session session;
    struct err err = {0};
    int words, used, r;

    log_init("ross-cli");
    r = options_parse(session_option_rows, session_option_rows_n, &opt, argc, argv, true, &words,
                      &err);
    if (r == 0)
        r = read_settings(&opt, &err);
    if (r == 0 && opt.log_level)
        r = log_level_parse(opt.log_level, &level, &err);
    if (r < 0)
        return complain(EXIT_USAGE, &err);
    log_set_level(level);
    if (opt.version) {
        printf("ross-cli %s\n", ROSS_VERSION);
        return 0;
    }
    if (opt.help || words == argc) {
        help_all(opt.help ? stdout : stderr);
        return opt.help ? 0 : EXIT_USAGE;
    }
    if (strcmp(argv[words], "help") == 0)
        return help_about(argc - words - 1, argv + words + 1);
    command = command_find(argc - words, argv + words, &used);
    if (!command) {
        if (asks_for_help(argc - words - 1, argv + words + 1, false) &&
            help_group(stdout, argv[words]))
            return 0;
        return help_group(stderr, argv[words]) ? EXIT_USAGE : complain_unknown(argv[words]);
    }
    session_init(&session, &opt);
    /* the last word of the command's name stands where a program's name would */
    r = run_command(&session, command, argc - words - used + 1, argv + words + used - 1);
    if (fflush(stdout) != 0 && r == 0)
        r = EXIT_OURS;
    leave(&session, r);
}
