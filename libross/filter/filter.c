/* SPDX-License-Identifier: Apache-2.0 */
/* containerd's filter expressions: parsing and matching. */
/*
 *   expression = selector { "," selector }                  all of them must match
 *   selector   = fieldpath [ operator value ]               without operator: the field is present
 *   fieldpath  = field { "." field }
 *   field      = run of A-Z a-z 0-9 _  |  quoted
 *   operator   = run of = ! ~ that is one of == != ~=
 *   value      = quoted  |  run of visible characters but ","
 *   quoted     = "…" with escapes; after ~= also /…/ and |…|
 *
 * White space may stand before a field, an operator and a value, nowhere else.
 */
#include "libross/filter/filter.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "libross/base/buf.h"
#include "libross/filter/filter_regex.h"
#include "libross/filter/filter_rune.h"

enum operator{ OP_PRESENT, OP_EQUAL, OP_NOT_EQUAL, OP_MATCHES };

struct selector {
    struct strv path;
    char *rest;      /* path[1…] joined */
    bool impossible; /* a name with NUL in it: no object has that field */
    enum operator op;
    char *value; /* n_value bytes, NUL possible */
    size_t n_value;
    struct filter_regex *regex; /* OP_MATCHES; NULL: matches nothing */
};

/* All of its selectors must match. */
struct expression {
    struct selector *selectors;
    size_t n;
};

struct filter {
    struct expression *expressions; /* one of them must match */
    size_t n;
    bool all;
};

struct parser {
    const char *start, *p, *end;
    struct err *err;
};

static void
selector_done(struct selector *s)
{
    strv_done(&s->path);
    free(s->rest);
    free(s->value);
    filter_regex_free(s->regex);
}

void
filter_free(struct filter *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->n; i++) {
        for (size_t k = 0; k < f->expressions[i].n; k++)
            selector_done(&f->expressions[i].selectors[k]);
        free(f->expressions[i].selectors);
    }
    free(f->expressions);
    free(f);
}

static int bad(struct parser *ps, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int
bad(struct parser *ps, const char *fmt, ...)
{
    va_list ap;
    int r;

    va_start(ap, fmt);
    r = err_setv(ps->err, CODE_INVALID_ARGUMENT, fmt, ap);
    va_end(ap);
    return err_wrap(ps->err, r, "filter '%.128s', at byte %zu", ps->start,
                    (size_t) (ps->p - ps->start));
}

static bool
at_end(const struct parser *ps)
{
    return ps->p == ps->end;
}

static char
peek(const struct parser *ps)
{
    return at_end(ps) ? '\0' : *ps->p;
}

static void
skip_space(struct parser *ps)
{
    uint32_t c;
    size_t n;

    while ((n = rune_decode(ps->p, ps->end, &c)) && rune_is_space(c))
        ps->p += n;
}

static bool
is_field_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool
is_operator_char(char c)
{
    return c == '=' || c == '!' || c == '~';
}

static bool
is_quote(char c)
{
    return c == '"' || c == '/' || c == '|';
}

/* Up to n digits of the base into *ret; the number read. */
static size_t
read_digits(struct parser *ps, size_t n, uint32_t base, uint32_t *ret)
{
    uint32_t digit;
    size_t i;
    char c;

    *ret = 0;
    for (i = 0; i < n && !at_end(ps); i++, ps->p++) {
        c = *ps->p;
        digit = c >= '0' && c <= '9'   ? (uint32_t) (c - '0')
                : c >= 'a' && c <= 'f' ? (uint32_t) (c - 'a' + 10)
                : c >= 'A' && c <= 'F' ? (uint32_t) (c - 'A' + 10)
                                       : 16;
        if (digit >= base)
            break;
        *ret = *ret * base + digit;
    }
    return i;
}

/* After a backslash: \ooo and \xhh are bytes, \u and \U characters. */
static int
parse_escape(struct parser *ps, char quote, struct buf *to)
{
    static const char from[] = "abfnrtv\\", into[] = "\a\b\f\n\r\t\v\\";
    char c = peek(ps), utf8[RUNE_BYTES_MAX];
    const char *at = c ? strchr(from, c) : NULL;
    uint32_t value;
    size_t n;

    if (c && c == quote) {
        ps->p++;
        return buf_append(to, &c, 1, ps->err);
    }
    if (at) {
        ps->p++;
        return buf_append(to, &into[at - from], 1, ps->err);
    }
    if (c >= '0' && c <= '7') {
        if (read_digits(ps, 3, 8, &value) != 3 || value > 255)
            return bad(ps, "illegal escape sequence");
        c = (char) value;
        return buf_append(to, &c, 1, ps->err);
    }
    n = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (!n)
        return bad(ps, "illegal escape sequence");
    ps->p++;
    if (read_digits(ps, n, 16, &value) != n)
        return bad(ps, "illegal escape sequence");
    if (n == 2) {
        c = (char) value;
        return buf_append(to, &c, 1, ps->err);
    }
    if (value > RUNE_MAX)
        return bad(ps, "illegal escape sequence");
    return buf_append(to, utf8, rune_encode(value, utf8), ps->err);
}

/* The bytes between two quotes, escapes resolved. malloc'ed, *ret_n bytes and a NUL. */
static int
parse_quoted(struct parser *ps, bool any_quote, char **ret, size_t *ret_n)
{
    AUTO(buf) text = BUF_INIT(FILTER_SIZE_MAX);
    char quote = *ps->p;
    uint32_t c;
    size_t n;
    int r;

    if (!any_quote && quote != '"')
        return bad(ps, "invalid quote encountered");
    for (ps->p++; peek(ps) != quote;) {
        if (at_end(ps) || *ps->p == '\n')
            return bad(ps, "quoted literal not terminated");
        n = rune_decode(ps->p, ps->end, &c);
        if (!n || c == 0)
            return bad(ps, "not UTF-8");
        if (c == '\\') {
            ps->p++;
            r = parse_escape(ps, quote, &text);
        } else {
            r = buf_append(&text, ps->p, n, ps->err);
            ps->p += n;
        }
        if (r < 0)
            return r;
    }
    ps->p++;
    *ret_n = text.len;
    *ret = buf_take(&text);
    return 0;
}

static int
parse_field(struct parser *ps, struct selector *s)
{
    const char *from;
    char *name = NULL;
    size_t n = 0;
    int r;

    skip_space(ps);
    if (is_quote(peek(ps))) {
        r = parse_quoted(ps, false, &name, &n);
        if (r < 0)
            return r;
        assert(name);
        s->impossible |= strlen(name) != n;
        strv_take(&s->path, name);
        return 0;
    }
    for (from = ps->p; is_field_char(peek(ps));)
        ps->p++;
    if (ps->p == from)
        return bad(ps, "expected field or quoted");
    strv_add_n(&s->path, from, (size_t) (ps->p - from));
    return 0;
}

static int
parse_operator(struct parser *ps, enum operator* ret)
{
    static const struct {
        const char *text;
        enum operator op;
    } rows[] = {{"==", OP_EQUAL}, {"!=", OP_NOT_EQUAL}, {"~=", OP_MATCHES}};
    const char *from;

    skip_space(ps);
    for (from = ps->p; is_operator_char(peek(ps));)
        ps->p++;
    if (ps->p == from)
        return bad(ps, "expected an operator");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (ps->p - from == 2 && memcmp(rows[i].text, from, 2) == 0) {
            *ret = rows[i].op;
            return 0;
        }
    return bad(ps, "unsupported operator '%.*s'", (int) (ps->p - from), from);
}

static int
parse_value(struct parser *ps, struct selector *s)
{
    const char *from;
    uint32_t c;
    size_t n;

    skip_space(ps);
    if (is_quote(peek(ps)))
        return parse_quoted(ps, s->op == OP_MATCHES, &s->value, &s->n_value);
    n = rune_decode(ps->p, ps->end, &c);
    if (!at_end(ps) && (!n || c == 0))
        return bad(ps, "not UTF-8");
    if (at_end(ps) || strchr(",.=!~", *ps->p))
        return bad(ps, "expected value or quoted");
    /* the first character may be any, even one that could not follow */
    for (from = ps->p; n; n = rune_decode(ps->p, ps->end, &c)) {
        if (ps->p != from && (c == ',' || !rune_is_graphic(c)))
            break;
        ps->p += n;
    }
    s->n_value = (size_t) (ps->p - from);
    s->value = xstrndup(from, s->n_value);
    return 0;
}

static int
parse_selector(struct parser *ps, struct selector *s)
{
    int r;

    do {
        r = parse_field(ps, s);
        if (r < 0)
            return r;
    } while (peek(ps) == '.' && ps->p++);
    s->rest = strv_join(&(struct strv){.items = s->path.items + 1, .n = s->path.n - 1}, ".");
    if (at_end(ps) || *ps->p == ',') {
        s->op = OP_PRESENT;
        return 0;
    }
    r = parse_operator(ps, &s->op);
    if (r < 0)
        return r;
    r = parse_value(ps, s);
    if (r < 0)
        return r;
    if (s->op == OP_MATCHES)
        s->regex = filter_regex_new(s->value, s->n_value);
    return 0;
}

static int
parse_expression(struct parser *ps, struct expression *e)
{
    int r;

    for (;;) {
        e->selectors = xreallocarray(e->selectors, e->n + 1, sizeof *e->selectors);
        e->selectors[e->n] = (struct selector){0};
        r = parse_selector(ps, &e->selectors[e->n++]);
        if (r < 0)
            return r;
        if (at_end(ps))
            return 0;
        if (*ps->p != ',')
            return bad(ps, "unexpected input");
        ps->p++;
    }
}

int
filter_parse_all(const struct strv *expressions, struct filter **ret, struct err *err)
{
    AUTO_PTR(filter) f = xcalloc(1, sizeof *f);
    struct parser ps;
    size_t n;
    int r;

    if (expressions->n > FILTERS_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "%zu filters, more than %d", expressions->n,
                       FILTERS_MAX);
    f->all = expressions->n == 0;
    f->expressions = xcalloc(expressions->n + 1, sizeof *f->expressions);
    for (size_t i = 0; i < expressions->n; i++) {
        n = strlen(expressions->items[i]);
        if (n > FILTER_SIZE_MAX)
            return err_set(err, CODE_INVALID_ARGUMENT, "a filter of %zu bytes, more than %d", n,
                           FILTER_SIZE_MAX);
        f->all |= n == 0;
        if (!n)
            continue;
        ps = (struct parser){
            .start = expressions->items[i],
            .p = expressions->items[i],
            .end = expressions->items[i] + n,
            .err = err,
        };
        r = parse_expression(&ps, &f->expressions[f->n++]);
        if (r < 0)
            return r;
    }
    *ret = TAKE(f);
    return 0;
}

static bool
selector_match(const struct selector *s, filter_field_fn field, const void *object)
{
    const struct filter_path path = {
        .parts = (const char *const *) s->path.items,
        .n = s->path.n,
        .rest = s->rest,
    };
    const char *value = s->impossible ? NULL : field(object, &path);
    bool present = value != NULL;

    if (!present)
        value = "";
    switch (s->op) {
    case OP_PRESENT:
        return present;
    case OP_EQUAL:
        return present && strlen(value) == s->n_value && memcmp(value, s->value, s->n_value) == 0;
    case OP_NOT_EQUAL:
        return strlen(value) != s->n_value || memcmp(value, s->value, s->n_value) != 0;
    case OP_MATCHES:
        return s->regex && filter_regex_match(s->regex, value);
    }
    return false;
}

static bool
expression_match(const struct expression *e, filter_field_fn field, const void *object)
{
    for (size_t i = 0; i < e->n; i++)
        if (!selector_match(&e->selectors[i], field, object))
            return false;
    return true;
}

bool
filter_match(const struct filter *f, filter_field_fn field, const void *object)
{
    if (f->all)
        return true;
    for (size_t i = 0; i < f->n; i++)
        if (expression_match(&f->expressions[i], field, object))
            return true;
    return false;
}

bool
filter_is_all(const struct filter *f)
{
    return f->all;
}

const char *
filter_equals(const struct filter *f, const char *field)
{
    const struct selector *sel;

    if (f->all || f->n != 1)
        return NULL;
    for (size_t i = 0; i < f->expressions[0].n; i++) {
        sel = &f->expressions[0].selectors[i];
        if (sel->op == OP_EQUAL && sel->path.n == 1 && !sel->impossible &&
            strcmp(sel->path.items[0], field) == 0 && strlen(sel->value) == sel->n_value)
            return sel->value;
    }
    return NULL;
}
