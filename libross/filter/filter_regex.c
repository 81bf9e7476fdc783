/* SPDX-License-Identifier: Apache-2.0 */
/* RE2's regular expressions by PCRE2's matcher without backtracking. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "libross/filter/filter_regex.h"

#include <pcre2.h>
#include <string.h>

#include "libross/base/mem.h"
#include "libross/filter/filter.h"
#include "libross/filter/filter_rune.h"

#define WORKSPACE_INTS 4096 /* of the matcher's lists of states */
#define REPEAT_MAX     1000 /* as RE2 */
#define NEST_MAX       200

struct filter_regex {
    pcre2_code *code;
    pcre2_match_data *match;
};

void
filter_regex_free(struct filter_regex *re)
{
    if (!re)
        return;
    pcre2_match_data_free(re->match);
    pcre2_code_free(re->code);
    free(re);
}

/*
 * What may follow a backslash in RE2: letters with a meaning, any punctuation, and octal digits, not back
 * references.
 */
static bool
is_re2_escape(const char *p, const char *end, bool in_class)
{
    if (p == end)
        return false;
    if (*p >= '1' && *p <= '7')
        return p + 1 < end && p[1] >= '0' && p[1] <= '7';
    if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9'))
        return strchr(in_class ? "afnrtvxpPdDsSwW0Q" : "afnrtvxpPdDsSwW0QAbBz", *p);
    return true;
}

/* After "(?": a non-capturing group, a named one, or flags out of i m s U. */
static bool
is_re2_group(const char *p, const char *end)
{
    if (p < end && *p == 'P')
        p++;
    else if (p == end || *p != '<')
        while (p < end && strchr("imsU-", *p))
            p++;
    if (p == end)
        return false;
    if (*p == '<')
        return p + 1 < end && p[1] != '=' && p[1] != '!';
    return (*p == ':' || *p == ')') && p[-1] != 'P';
}

/*
 * "{n}", "{n,}", "{n,m}" with numbers that RE2 takes; *ret_end behind it. Not such a thing: *ret_end stays, which
 * is a literal.
 */
static bool
check_repeat(const char *p, const char *end, const char **ret_end)
{
    unsigned long n[2] = {0, 0};
    int i = 0;

    *ret_end = p;
    for (const char *q = p + 1; q < end; q++) {
        if (*q >= '0' && *q <= '9') {
            n[i] = n[i] * 10 + (unsigned long) (*q - '0');
            if (n[i] > REPEAT_MAX)
                n[i] = REPEAT_MAX + 1;
        } else if (*q == ',' && i == 0 && q > p + 1) {
            i = 1;
        } else if (*q == '}' && q > p + 1) {
            *ret_end = q + 1;
            return n[0] <= REPEAT_MAX && n[1] <= REPEAT_MAX;
        } else {
            return true;
        }
    }
    return true;
}

/* Past the "]" of a class. NULL: an escape that RE2 does not know, or no end. */
static const char *
skip_class(const char *p, const char *end)
{
    p++;
    if (p < end && *p == '^')
        p++;
    if (p < end && *p == ']')
        p++;
    for (; p < end && *p != ']'; p++) {
        if (*p == '\\') {
            if (!is_re2_escape(p + 1, end, true) || p[1] == 'Q')
                return NULL;
            p++;
        } else if (*p == '[' && p + 1 < end && (p[1] == '.' || p[1] == '=')) {
            return NULL;
        } else if (*p == '[' && p + 1 < end && p[1] == ':') {
            /* [:alpha:]; what is none is for the compiler to judge */
            while (p + 1 < end && p[1] != ']')
                p++;
            if (p + 1 < end)
                p++;
        }
    }
    return p < end ? p + 1 : NULL;
}

static const char *
skip_literal(const char *p, const char *end)
{
    for (; p < end; p++)
        if (p + 1 < end && p[0] == '\\' && p[1] == 'E')
            return p + 2;
    return end;
}

/* "^" "$" "\\A" "\\b" "\\B" "\\z": its length, 0 for anything else. */
static size_t
assertion_length(const char *p, const char *end)
{
    if (*p == '^' || *p == '$')
        return 1;
    return *p == '\\' && p + 1 < end && strchr("AbBz", p[1]) && p[1] ? 2 : 0;
}

struct translation {
    char *text; /* what is said to PCRE2; room for the worst case */
    size_t n;
    bool lines; /* a flag m somewhere */
};

#define TRANSLATION_FACTOR 5 /* "^" becomes "(?:^)" */

static void
emit(struct translation *t, const char *p, size_t n)
{
    memcpy(t->text + t->n, p, n);
    t->n += n;
}

/*
 * PCRE2 knows more than RE2: false when the expression does not keep to what both know. What they write
 * differently is translated: an assertion with a quantifier, which PCRE2 refuses, is put into a group.
 */
static bool
translate(const char *p, const char *end, struct translation *t)
{
    bool repeated =
        false; /* right after * + ? {n}, where another of them is possessive here and an error there */
    const char *from, *after;
    size_t n;

    while (p < end) {
        from = p;
        n = assertion_length(p, end);
        if (n) {
            p += n;
            emit(t, "(?:", 3);
            emit(t, from, n);
            emit(t, ")", 1);
            repeated = false;
            continue;
        }
        if (strchr("*+?{", *p) && *p) {
            after = p + 1;
            if (*p == '{' && !check_repeat(p, end, &after))
                return false;
            if (after == p) { /* a literal brace */
                p++;
                repeated = false;
            } else if (repeated) {
                return false;
            } else {
                p = after;
                if (p < end && *p == '?')
                    p++;
                repeated = true;
            }
            emit(t, from, (size_t) (p - from));
            continue;
        }
        repeated = false;
        if (*p == '\\') {
            if (!is_re2_escape(p + 1, end, false))
                return false;
            p = p[1] == 'Q' ? skip_literal(p + 2, end) : p + 2;
        } else if (*p == '[') {
            p = skip_class(p, end);
            if (!p)
                return false;
        } else if (*p == '(' && p + 1 < end && p[1] == '*') {
            return false;
        } else if (*p == '(' && p + 1 < end && p[1] == '?') {
            if (!is_re2_group(p + 2, end))
                return false;
            p += 2;
            while (p < end && *p != ':' && *p != ')' && *p != '>')
                t->lines |= *p++ == 'm';
            if (p < end && *p != ')')
                p++;
        } else {
            p++;
        }
        emit(t, from, (size_t) (p - from));
    }
    return true;
}

/* Before the expression: whatever comes first, so that one pass over the text is enough. After it: \Q may be open. */
#define BEFORE "(?s:.*?)(?:"
#define AFTER  "\\E)"

static pcre2_code *
compile(const struct translation *t)
{
    auto_free char *whole = xmalloc(t->n + sizeof BEFORE + sizeof AFTER);
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    uint32_t options = PCRE2_ANCHORED | PCRE2_UTF | PCRE2_NO_AUTO_CAPTURE | PCRE2_NEVER_BACKSLASH_C;
    PCRE2_SIZE offset;
    pcre2_code *code;
    char *p = whole;
    int code_error;

    if (!context)
        return NULL;
    p = mempcpy(p, BEFORE, strlen(BEFORE));
    p = mempcpy(p, t->text, t->n);
    p = mempcpy(p, AFTER, strlen(AFTER));
    /* with this option the matcher takes "$" for the end of the text even under (?m) */
    if (!t->lines)
        options |= PCRE2_DOLLAR_ENDONLY;
    (void) pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    (void) pcre2_set_parens_nest_limit(context, NEST_MAX);
    code = pcre2_compile((PCRE2_SPTR) whole, (size_t) (p - whole), options, &code_error, &offset,
                         context);
    pcre2_compile_context_free(context);
    return code;
}

/* By itself, so that an unbalanced expression does not close the group that it is put into. */
static bool
compiles_alone(const char *pattern, size_t n)
{
    PCRE2_SIZE offset;
    int code_error;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR) pattern, n, PCRE2_UTF, &code_error, &offset, NULL);

    pcre2_code_free(code);
    return code;
}

struct filter_regex *
filter_regex_new(const char *pattern, size_t n)
{
    auto_free char *text = xmalloc(TRANSLATION_FACTOR * FILTER_REGEX_MAX);
    struct translation t = {.text = text};
    struct filter_regex *re;

    if (n > FILTER_REGEX_MAX)
        return NULL;
    if (!translate(pattern, pattern + n, &t) || !compiles_alone(t.text, t.n))
        return NULL;
    re = xcalloc(1, sizeof *re);
    re->code = compile(&t);
    re->match = re->code ? pcre2_match_data_create(1, NULL) : NULL;
    if (re->match)
        return re;
    filter_regex_free(re);
    return NULL;
}

/* Every byte that is no UTF-8 becomes U+FFFD, as Go reads text. */
static char *
mended(const char *text, size_t n)
{
    char *copy = xmalloc(3 * n + 1), *to = copy;
    const char *end = text + n;
    uint32_t c;
    size_t len;

    while (text < end) {
        len = rune_decode(text, end, &c);
        to = len ? mempcpy(to, text, len) : to + rune_encode(RUNE_REPLACEMENT, to);
        text += len ? len : 1;
    }
    *to = '\0';
    return copy;
}

static int
run(const struct filter_regex *re, const char *text, size_t n)
{
    int workspace[WORKSPACE_INTS];

    return pcre2_dfa_match(re->code, (PCRE2_SPTR) text, n, 0, PCRE2_DFA_SHORTEST, re->match, NULL,
                           workspace, WORKSPACE_INTS);
}

bool
filter_regex_match(const struct filter_regex *re, const char *text)
{
    auto_free char *copy = NULL;
    size_t n = strlen(text);
    int r = run(re, text, n);

    if (r <= PCRE2_ERROR_UTF8_ERR1 && r >= PCRE2_ERROR_UTF8_ERR21) {
        copy = mended(text, n);
        r = run(re, copy, strlen(copy));
    }
    return r >= 0;
}
