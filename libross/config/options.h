/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command line options and settings files from one table: a row describes an option once; parsing, `--help`, the manual
 * page, shell completion and the TOML settings file all come from it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "libross/base/err.h"

enum option_type {
    OPTION_FLAG,     /* bool; --name, --name=true|false */
    OPTION_STR,      /* const char *, borrowed from argv or kept by the options' owner for ever */
    OPTION_STRV,     /* struct strv, repeatable */
    OPTION_I64,      /* int64_t */
    OPTION_SIZE,     /* int64_t bytes, parse_size() */
    OPTION_DURATION, /* int64_t ns, parse_duration() */
    OPTION_CALL,     /* parse(value, into, err) */
};

struct option_row {
    const char *name; /* long, without dashes */
    char letter;      /* 0 = none */
    enum option_type type;
    size_t offset;    /* of the field in the struct that is filled in */
    const char *arg;  /* "FILE" in the help; NULL for flags */
    const char *help; /* one sentence */
    int (*parse)(const char *value, void *into, struct err *err); /* OPTION_CALL */
    bool hidden;
};

/*
 * Parses argv[1…] as GNU long and short options ("--name=v", "--name v", "-n v", "-nv", "-it" for flags, "--" ends).
 *   stop_at_word   the first word that is no option ends the parsing (run IMAGE CMD…); else options and words mix and
 *                  argv is reordered, words last
 *   *ret_words     index in argv of the first word (argc when none)
 * InvalidArgument: one sentence with the nearest known option as a hint.
 */
int options_parse(const struct option_row *rows, size_t n, void *into, int argc, char **argv,
                  bool stop_at_word, int *ret_words, struct err *err);
/* One line an option, aligned, for --help. */
void options_help(FILE *to, const struct option_row *rows, size_t n);
/*
 * Fills `into` from a TOML file whose top-level keys are the option names (dashes or underscores). Unknown keys are
 * InvalidArgument naming file and key. A missing file is NotFound.
 */
int options_read_file(const char *path, const struct option_row *rows, size_t n, void *into,
                      struct err *err);
/* Releases the lists in `into`, the only values that own memory, and leaves them empty. */
void options_done(const struct option_row *rows, size_t n, void *into);
