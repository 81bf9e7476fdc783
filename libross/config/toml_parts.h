/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the TOML reader share; not for others. */
#pragma once

#include "libross/base/strv.h"
#include "libross/config/toml.h"

/* Who made a table decides who may add to it (TOML 1.0, "Table" and "Inline Table"). */
enum toml_origin {
    BY_HEADER, /* [name], the root, an element of [[name]] */
    BY_PREFIX, /* only named on the way to another header; a header may still define it */
    BY_DOTS,   /* a dotted key */
    BY_BRACES, /* inline; complete */
};

struct toml {
    enum toml_type type;
    enum toml_origin origin; /* tables */
    bool array_of_tables;    /* arrays made by [[name]] */
    int line;
    char *key;
    struct toml **items; /* arrays and tables */
    size_t n;
    char *text; /* strings and dates */
    union {
        int64_t i;
        double f;
        bool b;
    };
};

struct toml_parser {
    const char *p, *end;
    int line;
    struct err *err;
};

/* InvalidArgument "line N: …". */
int toml_bad(struct toml_parser *ps, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The tree. */
struct toml *toml_value_new(const struct toml_parser *ps, enum toml_type type);
/* Takes v and key (NULL in arrays). */
int toml_add(struct toml_parser *ps, struct toml *to, char *key, struct toml *v);
/* toml_find() of a tree that is being made. */
struct toml *toml_find_own(const struct toml *table, const char *key);

/* The text. */
char toml_peek(const struct toml_parser *ps); /* the next byte, 0 at the end */
bool toml_looking_at(const struct toml_parser *ps, const char *s);
void toml_skip_blanks(struct toml_parser *ps);
bool toml_skip_newline(struct toml_parser *ps);
/* Blanks, comments and line ends: between expressions and inside arrays. */
void toml_skip_space(struct toml_parser *ps);
int toml_expect_line_end(struct toml_parser *ps);
/* At a quote, of either kind; *ret is malloc'ed. one_line: a multi-line string is refused, as in keys. */
int toml_parse_string(struct toml_parser *ps, char quote, bool one_line, char **ret);
/* The whole text before it is parsed: well-formed UTF-8, no control characters but tab and line ends. */
int toml_check_text(struct toml_parser *ps);

/* The value of a hex digit, -1 for anything else. */
int toml_hex_digit(char c);
/* Words: what is neither a string nor a bracket. Pure. */
bool toml_word_is_date(const char *word);
/* Copies `word` without its underscores; false when one does not stand between two digits (of base 16 when hex). */
bool toml_word_strip(const char *word, bool hex, char *to);
bool toml_word_is_int(const char *s, int64_t *ret);
bool toml_word_is_float(const char *s, double *ret);
