/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd's filter expressions (reference 8.4).
 *
 *   expression = selector { "," selector }
 *   selector   = field { "." field } [ operator value ]
 *
 * "~=" is an unanchored search by PCRE2, where containerd uses RE2: the common ground of both is what people write. An
 * expression that RE2 lacks (look-around, back references) works here; one that burns more than MATCH_LIMIT steps does not
 * match, where RE2 would go on in linear time.
 */
#include "filter.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <ctype.h>
#include <pcre2.h>
#include <string.h>

#include "libross/base/buf.h"
#include "utf8.h"

#define MATCH_LIMIT 100000 /* steps of one regular expression on one value */

enum filter_op { OP_PRESENT, OP_EQUAL, OP_NOT_EQUAL, OP_MATCHES };

struct selector {
    struct strv parts;
    char *rest;
    enum filter_op op;
    char *value;
    pcre2_code *regex; /* OP_MATCHES; NULL when it is no valid expression: matches nothing */
};

struct alternative {
    struct selector *items;
    size_t n;
};

struct filter {
    bool everything;
    struct alternative *items;
    size_t n;
    pcre2_match_context *limits;
};

/* ---- parsing ---- */

struct scan {
    const char *text, *p;
};

static int
scan_fail(const struct scan *s, const char *what, struct err *err)
{
    return err_set(err, CODE_INVALID_ARGUMENT, "filter '%.128s': %s at byte %zu", s->text, what,
                   (size_t) (s->p - s->text));
}

static void
skip_space(struct scan *s)
{
    while (*s->p && isspace((unsigned char) *s->p))
        s->p++;
}

static bool
is_field_char(char c)
{
    return isalnum((unsigned char) c) || c == '_';
}

static bool
is_operator_char(char c)
{
    return c == '=' || c == '!' || c == '~';
}

/* n digits of the base at s->p, after the escape letter. -1 when there are fewer. */
static long
escape_digits(struct scan *s, int n, int base)
{
    char digits[9] = {0};
    char *end;
    long v;

    for (int i = 0; i < n; i++) {
        if (!isxdigit((unsigned char) s->p[i]))
            return -1;
        digits[i] = s->p[i];
    }
    v = strtol(digits, &end, base);
    if (*end)
        return -1;
    s->p += n;
    return v;
}

/* One escape, s->p after the backslash; the result is appended to b. */
static int
scan_escape(struct scan *s, char quote, struct buf *b, struct err *err)
{
    static const char simple[] = "abfnrtv", meaning[] = "\a\b\f\n\r\t\v";
    const char *known;
    char utf8[UTF8_BYTES_MAX], byte;
    long v;

    known = *s->p ? strchr(simple, *s->p) : NULL;
    if (known) {
        s->p++;
        return buf_append(b, &meaning[known - simple], 1, err);
    }
    if (*s->p == '\\' || *s->p == quote)
        return buf_append(b, s->p++, 1, err);
    switch (*s->p) {
    case 'x':
        s->p++;
        v = escape_digits(s, 2, 16);
        byte = (char) v;
        break;
    case 'u':
    case 'U':
        v = *s->p++ == 'u' ? escape_digits(s, 4, 16) : escape_digits(s, 8, 16);
        if (v <= 0 || !utf8_is_scalar((uint32_t) v))
            return scan_fail(s, "invalid escape", err);
        return buf_append(b, utf8, utf8_encode((uint32_t) v, utf8), err);
    default:
        v = *s->p >= '0' && *s->p <= '7' ? escape_digits(s, 3, 8) : -1;
        byte = (char) v;
        break;
    }
    if (v <= 0 || v > 255)
        return scan_fail(s, "invalid escape", err);
    return buf_append(b, &byte, 1, err);
}

/* A quoted text; s->p is at its opening quote. */
static int
scan_quoted(struct scan *s, char **ret, struct err *err)
{
    AUTO(buf) b = BUF_INIT(FILTER_SIZE_MAX);
    char quote = *s->p++;
    int r;

    while (*s->p != quote) {
        if (!*s->p || *s->p == '\n')
            return scan_fail(s, "quote is not closed", err);
        if (*s->p == '\\') {
            s->p++;
            r = scan_escape(s, quote, &b, err);
        } else
            r = buf_append(&b, s->p++, 1, err);
        if (r < 0)
            return r;
    }
    s->p++;
    *ret = buf_take(&b);
    return 0;
}

static int
scan_field(struct scan *s, struct strv *parts, struct err *err)
{
    const char *from;
    char *quoted = NULL;
    int r;

    skip_space(s);
    if (*s->p == '"') {
        r = scan_quoted(s, &quoted, err);
        if (r == 0)
            strv_take(parts, quoted);
        return r;
    }
    if (*s->p == '/' || *s->p == '|')
        return scan_fail(s, "invalid quote encountered", err);
    for (from = s->p; is_field_char(*s->p);)
        s->p++;
    if (s->p == from)
        return scan_fail(s, "expected a field", err);
    strv_add_n(parts, from, (size_t) (s->p - from));
    return 0;
}

static int
scan_operator(struct scan *s, enum filter_op *ret, struct err *err)
{
    const char *from = s->p;
    size_t n;

    while (is_operator_char(*s->p))
        s->p++;
    n = (size_t) (s->p - from);
    if (n == 2 && strncmp(from, "==", 2) == 0)
        *ret = OP_EQUAL;
    else if (n == 2 && strncmp(from, "!=", 2) == 0)
        *ret = OP_NOT_EQUAL;
    else if (n == 2 && strncmp(from, "~=", 2) == 0)
        *ret = OP_MATCHES;
    else {
        s->p = from;
        return scan_fail(s, "unsupported operator", err);
    }
    return 0;
}

static int
scan_value(struct scan *s, enum filter_op op, char **ret, struct err *err)
{
    const char *from;

    skip_space(s);
    if (*s->p == '"' || ((*s->p == '/' || *s->p == '|') && op == OP_MATCHES))
        return scan_quoted(s, ret, err);
    if (*s->p == '/' || *s->p == '|')
        return scan_fail(s, "invalid quote encountered", err);
    if (!*s->p || *s->p == ',' || *s->p == '.' || is_operator_char(*s->p))
        return scan_fail(s, "expected a value", err);
    for (from = s->p; *s->p && *s->p != ',' && (unsigned char) *s->p > ' ' && *s->p != 0x7f;)
        s->p++;
    if (s->p == from)
        return scan_fail(s, "expected a value", err);
    *ret = xstrndup(from, (size_t) (s->p - from));
    return 0;
}

static char *
join_rest(const struct strv *parts)
{
    const struct strv rest = {.items = parts->items + 1, .n = parts->n - 1};

    return strv_join(&rest, ".");
}

static int
scan_selector(struct scan *s, struct selector *sel, struct err *err)
{
    PCRE2_SIZE at;
    int r, why;

    do {
        r = scan_field(s, &sel->parts, err);
        if (r < 0)
            return r;
        skip_space(s);
    } while (*s->p == '.' && s->p++);
    sel->rest = join_rest(&sel->parts);
    if (!is_operator_char(*s->p))
        return 0;
    r = scan_operator(s, &sel->op, err);
    if (r == 0)
        r = scan_value(s, sel->op, &sel->value, err);
    if (r < 0)
        return r;
    if (sel->op == OP_MATCHES)
        sel->regex = pcre2_compile((PCRE2_SPTR) sel->value, PCRE2_ZERO_TERMINATED,
                                   PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY, &why,
                                   &at, NULL);
    return 0;
}

static int
scan_alternative(const char *text, struct alternative *alt, struct err *err)
{
    struct scan s = {.text = text, .p = text};
    int r;

    if (strlen(text) > FILTER_SIZE_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "filter is longer than %d bytes",
                       FILTER_SIZE_MAX);
    if (!utf8_is_valid(text))
        return err_set(err, CODE_INVALID_ARGUMENT, "filter is not valid UTF-8");
    do {
        alt->items = xreallocarray(alt->items, alt->n + 1, sizeof *alt->items);
        alt->items[alt->n] = (struct selector){0};
        r = scan_selector(&s, &alt->items[alt->n++], err);
        if (r < 0)
            return r;
        skip_space(&s);
    } while (*s.p == ',' && s.p++);
    return *s.p ? scan_fail(&s, "unexpected input", err) : 0;
}

int
filter_parse_all(const struct strv *expressions, struct filter **ret, struct err *err)
{
    AUTO_PTR(filter) f = xcalloc(1, sizeof *f);
    int r;

    if (expressions->n > FILTERS_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "more than %d filters", FILTERS_MAX);
    f->everything = expressions->n == 0;
    for (size_t i = 0; i < expressions->n; i++) {
        if (!*expressions->items[i]) {
            f->everything = true;
            continue;
        }
        f->items = xreallocarray(f->items, f->n + 1, sizeof *f->items);
        f->items[f->n] = (struct alternative){0};
        r = scan_alternative(expressions->items[i], &f->items[f->n++], err);
        if (r < 0)
            return r;
    }
    f->limits = pcre2_match_context_create(NULL);
    if (!f->limits)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "no memory for a filter");
    (void) pcre2_set_match_limit(f->limits, MATCH_LIMIT);
    *ret = TAKE(f);
    return 0;
}

/* ---- matching ---- */

static bool
regex_matches(const struct filter *f, const struct selector *sel, const char *value)
{
    pcre2_match_data *data;
    int n;

    if (!sel->regex)
        return false;
    data = pcre2_match_data_create(1, NULL);
    if (!data)
        return false;
    n = pcre2_match(sel->regex, (PCRE2_SPTR) value, strlen(value), 0, 0, data, f->limits);
    pcre2_match_data_free(data);
    return n >= 0;
}

static bool
selector_matches(const struct filter *f, const struct selector *sel, filter_field_fn field,
                 const void *object)
{
    const struct filter_path path = {
        .parts = (const char *const *) sel->parts.items,
        .n = sel->parts.n,
        .rest = sel->rest,
    };
    const char *value = field(object, &path);

    switch (sel->op) {
    case OP_PRESENT:
        return value != NULL;
    case OP_EQUAL:
        return value && strcmp(value, sel->value) == 0;
    case OP_NOT_EQUAL:
        return strcmp(value ? value : "", sel->value) != 0;
    case OP_MATCHES:
        return regex_matches(f, sel, value ? value : "");
    }
    return false;
}

bool
filter_match(const struct filter *f, filter_field_fn field, const void *object)
{
    size_t k;

    if (f->everything)
        return true;
    for (size_t i = 0; i < f->n; i++) {
        for (k = 0; k < f->items[i].n; k++)
            if (!selector_matches(f, &f->items[i].items[k], field, object))
                break;
        if (k == f->items[i].n)
            return true;
    }
    return false;
}

const char *
filter_equals(const struct filter *f, const char *path)
{
    if (f->everything || f->n != 1)
        return NULL;
    for (size_t k = 0; k < f->items[0].n; k++) {
        const struct selector *sel = &f->items[0].items[k];

        if (sel->op == OP_EQUAL && sel->parts.n == 1 && strcmp(sel->parts.items[0], path) == 0)
            return sel->value;
    }
    return NULL;
}

static void
selector_done(struct selector *sel)
{
    strv_done(&sel->parts);
    free(sel->rest);
    free(sel->value);
    pcre2_code_free(sel->regex);
}

void
filter_free(struct filter *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->n; i++) {
        for (size_t k = 0; k < f->items[i].n; k++)
            selector_done(&f->items[i].items[k]);
        free(f->items[i].items);
    }
    free(f->items);
    pcre2_match_context_free(f->limits);
    free(f);
}
