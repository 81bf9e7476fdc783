/* SPDX-License-Identifier: Apache-2.0 */
/* TOML 1.0 read into a tree. */
#include "libross/config/toml.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libross/base/buf.h"
#include "libross/base/strv.h"

/* Who made a table decides who may add to it (TOML 1.0, "Table" and "Inline
 * Table"). */
enum origin {
    BY_HEADER, /* [name], the root, an element of [[name]] */
    BY_PREFIX, /* only named on the way to another header; a header may still
                define it */
    BY_DOTS,   /* a dotted key */
    BY_BRACES, /* inline; complete */
};

struct toml {
    enum toml_type type;
    enum origin origin;   /* tables */
    bool array_of_tables; /* arrays made by [[name]] */
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

struct parser {
    const char *p, *end;
    int line;
    struct err *err;
};

void
toml_free(struct toml *v)
{
    if (!v)
        return;
    for (size_t i = 0; i < v->n; i++)
        toml_free(v->items[i]);
    free(v->items);
    free(v->key);
    free(v->text);
    free(v);
}

enum toml_type
toml_type(const struct toml *v)
{
    return v->type;
}

const char *
toml_type_name(enum toml_type type)
{
    static const char *const names[] = {
        [TOML_STR] = "a string",       [TOML_INT] = "an integer", [TOML_FLOAT] = "a number",
        [TOML_BOOL] = "true or false", [TOML_DATE] = "a date",    [TOML_ARRAY] = "an array",
        [TOML_TABLE] = "a table",
    };

    return names[type];
}

int
toml_line(const struct toml *v)
{
    return v->line;
}

static struct toml *
find(const struct toml *table, const char *key)
{
    if (!table || table->type != TOML_TABLE)
        return NULL;
    for (size_t i = 0; i < table->n; i++)
        if (strcmp(table->items[i]->key, key) == 0)
            return table->items[i];
    return NULL;
}

const struct toml *
toml_find(const struct toml *table, const char *key)
{
    return find(table, key);
}

const struct toml *
toml_find_path(const struct toml *table, const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        table = find(table, keys[i]);
    return table;
}

size_t
toml_len(const struct toml *v)
{
    return v ? v->n : 0;
}

const struct toml *
toml_at(const struct toml *v, size_t i)
{
    return v && i < v->n ? v->items[i] : NULL;
}

const char *
toml_key(const struct toml *item)
{
    return item->key;
}

const char *
toml_str(const struct toml *v)
{
    return v && v->type == TOML_STR ? v->text : NULL;
}

const char *
toml_date(const struct toml *v)
{
    return v && v->type == TOML_DATE ? v->text : NULL;
}

bool
toml_int(const struct toml *v, int64_t *ret)
{
    if (!v || v->type != TOML_INT)
        return false;
    *ret = v->i;
    return true;
}

bool
toml_float(const struct toml *v, double *ret)
{
    if (!v || (v->type != TOML_FLOAT && v->type != TOML_INT))
        return false;
    *ret = v->type == TOML_INT ? (double) v->i : v->f;
    return true;
}

bool
toml_bool(const struct toml *v, bool *ret)
{
    if (!v || v->type != TOML_BOOL)
        return false;
    *ret = v->b;
    return true;
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
    return err_wrap(ps->err, r, "line %d", ps->line);
}

static struct toml *
value_new(const struct parser *ps, enum toml_type type)
{
    struct toml *v = xcalloc(1, sizeof *v);

    v->type = type;
    v->line = ps->line;
    return v;
}

/* Takes v and key (NULL in arrays). */
static int
add(struct parser *ps, struct toml *to, char *key, struct toml *v)
{
    v->key = key;
    if (to->n == TOML_ITEMS_MAX) {
        toml_free(v);
        return bad(ps, "more than %d items in one table or array", TOML_ITEMS_MAX);
    }
    if ((to->n & (to->n + 1)) == 0)
        to->items = xreallocarray(to->items, 2 * (to->n + 1), sizeof(struct toml *));
    to->items[to->n++] = v;
    return 0;
}

/* The next byte, or 0 at the end (NUL itself is refused before parsing). */
static char
peek(const struct parser *ps)
{
    return ps->p < ps->end ? *ps->p : '\0';
}

static bool
looking_at(const struct parser *ps, const char *s)
{
    size_t n = strlen(s);

    return (size_t) (ps->end - ps->p) >= n && memcmp(ps->p, s, n) == 0;
}

static void
skip_blanks(struct parser *ps)
{
    while (peek(ps) == ' ' || peek(ps) == '\t')
        ps->p++;
}

static bool
skip_newline(struct parser *ps)
{
    if (peek(ps) == '\n')
        ps->p++;
    else if (looking_at(ps, "\r\n"))
        ps->p += 2;
    else
        return false;
    ps->line++;
    return true;
}

static void
skip_comment(struct parser *ps)
{
    if (peek(ps) == '#')
        while (ps->p < ps->end && *ps->p != '\n' && !looking_at(ps, "\r\n"))
            ps->p++;
}

/* Blanks, comments and line ends: between expressions and inside arrays. */
static void
skip_space(struct parser *ps)
{
    do {
        skip_blanks(ps);
        skip_comment(ps);
    } while (skip_newline(ps));
}

static int
expect_line_end(struct parser *ps)
{
    skip_blanks(ps);
    skip_comment(ps);
    if (ps->p == ps->end || skip_newline(ps))
        return 0;
    return bad(ps, "unexpected '%c' after the value", *ps->p);
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static int
append_utf8(struct parser *ps, struct buf *to, uint32_t c)
{
    char s[4];
    size_t n;

    if (c < 0x80) {
        s[0] = (char) c;
        n = 1;
    } else if (c < 0x800) {
        s[0] = (char) (0xc0 | c >> 6);
        s[1] = (char) (0x80 | (c & 0x3f));
        n = 2;
    } else if (c < 0x10000) {
        s[0] = (char) (0xe0 | c >> 12);
        s[1] = (char) (0x80 | (c >> 6 & 0x3f));
        s[2] = (char) (0x80 | (c & 0x3f));
        n = 3;
    } else {
        s[0] = (char) (0xf0 | c >> 18);
        s[1] = (char) (0x80 | (c >> 12 & 0x3f));
        s[2] = (char) (0x80 | (c >> 6 & 0x3f));
        s[3] = (char) (0x80 | (c & 0x3f));
        n = 4;
    }
    return buf_append(to, s, n, ps->err);
}

/* The escape after a backslash. */
static int
parse_escape(struct parser *ps, struct buf *to)
{
    static const char from[] = "btnfr\"\\", into[] = "\b\t\n\f\r\"\\";
    char kind = peek(ps);
    const char *at = kind ? strchr(from, kind) : NULL;
    uint32_t c = 0;
    int digits, digit;

    if (at) {
        ps->p++;
        return buf_append(to, &into[at - from], 1, ps->err);
    }
    if (kind != 'u' && kind != 'U')
        return bad(ps, "unknown escape in a string; use \\\\ for a backslash");
    digits = kind == 'u' ? 4 : 8;
    ps->p++;
    for (int i = 0; i < digits; i++, ps->p++) {
        digit = hex_digit(peek(ps));
        if (digit < 0)
            return bad(ps, "\\%c needs %d hex digits", kind, digits);
        c = c << 4 | (uint32_t) digit;
    }
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return bad(ps, "\\%c%0*x is no character", kind, digits, c);
    if (c == 0)
        return bad(ps, "a string must not hold the NUL character");
    return append_utf8(ps, to, c);
}

/* "\" at the end of a line of a multi-line string: everything up to the next
 * visible character goes. */
static bool
skip_line_continuation(struct parser *ps)
{
    struct parser ahead = *ps;

    skip_blanks(&ahead);
    if (!skip_newline(&ahead))
        return false;
    do
        skip_blanks(&ahead);
    while (skip_newline(&ahead));
    ps->p = ahead.p;
    ps->line = ahead.line;
    return true;
}

static bool
is_control(char c)
{
    return ((unsigned char) c < 0x20 && c != '\t') || c == 0x7f;
}

/* A one-line string; `quote` is '"' or '\''. */
static int
parse_line_string(struct parser *ps, char quote, struct buf *to)
{
    int r;

    ps->p++;
    for (;;) {
        if (ps->p == ps->end || *ps->p == '\n' || *ps->p == '\r')
            return bad(ps, "unterminated string");
        if (*ps->p == quote) {
            ps->p++;
            return 0;
        }
        if (is_control(*ps->p))
            return bad(ps, "control character in a string");
        if (*ps->p == '\\' && quote == '"') {
            ps->p++;
            r = parse_escape(ps, to);
        } else {
            r = buf_append(to, ps->p++, 1, ps->err);
        }
        if (r < 0)
            return r;
    }
}

/* After """ or '''. Up to two quotes may stand right before the closing three.
 */
static int
parse_block_string(struct parser *ps, char quote, struct buf *to)
{
    char close[] = {quote, quote, quote, '\0'};
    int r, begun = ps->line;

    ps->p += 3;
    (void) skip_newline(ps);
    for (;;) {
        if (ps->p == ps->end) {
            ps->line = begun;
            return bad(ps, "unterminated string");
        }
        if (looking_at(ps, close) && !(ps->p + 3 < ps->end && ps->p[3] == quote)) {
            ps->p += 3;
            return 0;
        }
        if (looking_at(ps, close) &&
            looking_at(&(struct parser){.p = ps->p + 3, .end = ps->end}, close))
            return bad(ps, "too many quotes at the end of a string");
        if (skip_newline(ps)) {
            r = buf_append(to, "\n", 1, ps->err);
        } else if (is_control(*ps->p)) {
            return bad(ps, "control character in a string");
        } else if (*ps->p == '\\' && quote == '"') {
            ps->p++;
            r = skip_line_continuation(ps) ? 0 : parse_escape(ps, to);
        } else {
            r = buf_append(to, ps->p++, 1, ps->err);
        }
        if (r < 0)
            return r;
    }
}

static int
parse_string(struct parser *ps, char quote, bool one_line, char **ret)
{
    char open[] = {quote, quote, quote, '\0'};
    AUTO(buf) text = BUF_INIT(TOML_SIZE_MAX);
    int r;

    if (looking_at(ps, open) && one_line)
        return bad(ps, "a key cannot be a multi-line string");
    r = looking_at(ps, open) ? parse_block_string(ps, quote, &text)
                             : parse_line_string(ps, quote, &text);
    if (r < 0)
        return r;
    *ret = buf_take(&text);
    return 0;
}

static bool
is_bare(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/* One part of a key: bare or quoted. */
static int
parse_key_part(struct parser *ps, char **ret)
{
    const char *from;

    skip_blanks(ps);
    if (peek(ps) == '"' || peek(ps) == '\'')
        return parse_string(ps, *ps->p, true, ret);
    for (from = ps->p; ps->p < ps->end && is_bare(*ps->p);)
        ps->p++;
    if (ps->p == from)
        return bad(ps, ps->p == ps->end ? "the file ends where a key should be" : "expected a key");
    *ret = xstrndup(from, (size_t) (ps->p - from));
    return 0;
}

/* "a.b.c": the parts, at least one; all blanks around dots are skipped. */
static int
parse_key(struct parser *ps, struct strv *parts)
{
    char *part = NULL;
    int r;

    for (;;) {
        if (parts->n == TOML_DEPTH_MAX)
            return bad(ps, "a key of more than %d parts", TOML_DEPTH_MAX);
        r = parse_key_part(ps, &part);
        if (r < 0)
            return r;
        strv_take(parts, TAKE(part));
        skip_blanks(ps);
        if (peek(ps) != '.')
            return 0;
        ps->p++;
    }
}

/* The word of a number, date, boolean: up to a delimiter. A blank between a
 * date and a time belongs to it. */
static void
take_word(struct parser *ps, char *word, size_t size)
{
    const char *from = ps->p;
    size_t n;

    while (ps->p < ps->end && (is_bare(*ps->p) || strchr("+.:", *ps->p)))
        ps->p++;
    if (ps->p - from == 10 && from[4] == '-' && ps->end - ps->p > 3 && ps->p[0] == ' ' &&
        ps->p[1] >= '0' && ps->p[1] <= '9' && ps->p[3] == ':')
        for (ps->p++; ps->p < ps->end && (is_bare(*ps->p) || strchr("+.:", *ps->p));)
            ps->p++;
    n = (size_t) (ps->p - from);
    if (n >= size)
        n = size - 1;
    memcpy(word, from, n);
    word[n] = '\0';
}

static bool
digits(const char **p, int n, int *ret)
{
    *ret = 0;
    for (; n > 0; n--, (*p)++) {
        if (**p < '0' || **p > '9')
            return false;
        *ret = *ret * 10 + (**p - '0');
    }
    return true;
}

static bool
is_date(const char **p)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int y, m, d;

    if (!digits(p, 4, &y) || *(*p)++ != '-' || !digits(p, 2, &m) || *(*p)++ != '-' ||
        !digits(p, 2, &d) || m < 1 || m > 12 || d < 1)
        return false;
    return d <= days[m - 1] || (m == 2 && d == 29 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0));
}

static bool
is_time(const char **p)
{
    int h, m, s;

    if (!digits(p, 2, &h) || *(*p)++ != ':' || !digits(p, 2, &m) || *(*p)++ != ':' ||
        !digits(p, 2, &s) || h > 23 || m > 59 || s > 60)
        return false;
    if (**p != '.')
        return true;
    if ((*p)[1] < '0' || (*p)[1] > '9')
        return false;
    for ((*p)++; **p >= '0' && **p <= '9';)
        (*p)++;
    return true;
}

static bool
is_offset(const char **p)
{
    int h, m;

    if (**p == 'Z' || **p == 'z') {
        (*p)++;
        return true;
    }
    if (**p != '+' && **p != '-')
        return false;
    (*p)++;
    return digits(p, 2, &h) && *(*p)++ == ':' && digits(p, 2, &m) && h < 24 && m < 60;
}

static bool
is_date_or_time(const char *word)
{
    const char *p = word;

    if (strlen(word) > 2 && word[2] == ':')
        return is_time(&p) && !*p;
    if (!is_date(&p))
        return false;
    if (!*p)
        return true;
    if (*p != 'T' && *p != 't' && *p != ' ')
        return false;
    p++;
    return is_time(&p) && (!*p || (is_offset(&p) && !*p));
}

/* Copies `word` without its underscores; false when one does not stand between
 * two digits (of base 16 when hex). */
static bool
strip_underscores(const char *word, bool hex, char *to)
{
    for (const char *p = word; *p; p++) {
        if (*p != '_') {
            *to++ = *p;
            continue;
        }
        if (p == word || hex_digit(p[-1]) < 0 || hex_digit(p[1]) < 0 ||
            (!hex && (hex_digit(p[-1]) > 9 || hex_digit(p[1]) > 9)))
            return false;
    }
    *to = '\0';
    return true;
}

static bool
is_integer(const char *s, int64_t *ret)
{
    const char *p = s;
    int base = 10;
    char *end;

    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'o' || s[1] == 'b')) {
        base = s[1] == 'x' ? 16 : s[1] == 'o' ? 8 : 2;
        p = s += 2;
    } else if (*p == '+' || *p == '-') {
        p++;
    }
    if (hex_digit(*p) < 0 || (base == 10 && p[0] == '0' && p[1]))
        return false;
    errno = 0;
    *ret = strtoll(s, &end, base);
    return !*end && errno == 0;
}

/* [+-] digits [. digits] [e [+-] digits], inf, nan; a point or an exponent is
 * required. */
static bool
is_float(const char *s, double *ret)
{
    const char *p = s;
    size_t n;

    if (*p == '+' || *p == '-')
        p++;
    if (strcmp(p, "inf") == 0 || strcmp(p, "nan") == 0) {
        *ret = *p == 'n' ? (double) NAN : *s == '-' ? -(double) INFINITY : (double) INFINITY;
        return true;
    }
    n = strspn(p, "0123456789");
    if (n == 0 || (n > 1 && *p == '0') || !p[n])
        return false;
    p += n;
    if (*p == '.') {
        n = strspn(++p, "0123456789");
        if (n == 0)
            return false;
        p += n;
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        if (*p == '+' || *p == '-')
            p++;
        n = strspn(p, "0123456789");
        if (n == 0)
            return false;
        p += n;
    }
    if (*p)
        return false;
    *ret = strtod(s, NULL);
    return true;
}

#define WORD_MAX 128

static int
parse_word(struct parser *ps, struct toml **ret)
{
    char word[WORD_MAX], plain[WORD_MAX];
    struct toml *v;
    int64_t i;
    double f;

    take_word(ps, word, sizeof word);
    if (!*word && ps->p == ps->end)
        return bad(ps, "the file ends where a value should be");
    if (!*word)
        return bad(ps, "expected a value, found '%c'", *ps->p);
    if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0) {
        v = value_new(ps, TOML_BOOL);
        v->b = word[0] == 't';
    } else if (is_date_or_time(word)) {
        v = value_new(ps, TOML_DATE);
        v->text = xstrdup(word);
    } else if (strip_underscores(word, word[0] == '0' && word[1] == 'x', plain) &&
               is_integer(plain, &i)) {
        v = value_new(ps, TOML_INT);
        v->i = i;
    } else if (strip_underscores(word, false, plain) && is_float(plain, &f)) {
        v = value_new(ps, TOML_FLOAT);
        v->f = f;
    } else {
        return bad(ps, "'%s' is no value; strings need quotes", word);
    }
    *ret = v;
    return 0;
}

static int parse_value(struct parser *ps, int depth, struct toml **ret);
static int parse_pair(struct parser *ps, struct toml *table, int depth);

static int
parse_array(struct parser *ps, int depth, struct toml **ret)
{
    AUTO_PTR(toml) array = value_new(ps, TOML_ARRAY);
    struct toml *item = NULL;
    int r;

    for (ps->p++;;) {
        skip_space(ps);
        if (peek(ps) == ']')
            break;
        r = parse_value(ps, depth + 1, &item);
        if (r < 0)
            return r;
        r = add(ps, array, NULL, item);
        if (r < 0)
            return r;
        skip_space(ps);
        if (peek(ps) == ',')
            ps->p++;
        else if (peek(ps) != ']')
            return bad(ps, "expected ',' or ']' in the array that began on line %d", array->line);
    }
    ps->p++;
    *ret = TAKE(array);
    return 0;
}

static int
parse_inline_table(struct parser *ps, int depth, struct toml **ret)
{
    AUTO_PTR(toml) table = value_new(ps, TOML_TABLE);
    int r;

    ps->p++;
    skip_blanks(ps);
    while (peek(ps) != '}' || table->n) {
        r = parse_pair(ps, table, depth + 1);
        if (r < 0)
            return r;
        skip_blanks(ps);
        if (peek(ps) == '}')
            break;
        if (peek(ps) != ',')
            return bad(ps, "expected ',' or '}' in an inline table, which is one line");
        ps->p++;
    }
    ps->p++;
    table->origin = BY_BRACES;
    *ret = TAKE(table);
    return 0;
}

static int
parse_value(struct parser *ps, int depth, struct toml **ret)
{
    struct toml *v;
    char *text;
    int r;

    if (depth > TOML_DEPTH_MAX)
        return bad(ps, "nested deeper than %d levels", TOML_DEPTH_MAX);
    switch (peek(ps)) {
    case '[':
        return parse_array(ps, depth, ret);
    case '{':
        return parse_inline_table(ps, depth, ret);
    case '"':
    case '\'':
        v = value_new(ps, TOML_STR);
        r = parse_string(ps, *ps->p, false, &text);
        if (r < 0) {
            toml_free(v);
            return r;
        }
        v->text = text;
        *ret = v;
        return 0;
    default:
        return parse_word(ps, ret);
    }
}

/* The table `key` below `table` for a dotted key: made, or one that dotted keys
 * made. */
static int
descend_dotted(struct parser *ps, struct toml **table, const char *key)
{
    struct toml *next = find(*table, key);
    int r;

    if (!next) {
        next = value_new(ps, TOML_TABLE);
        next->origin = BY_DOTS;
        r = add(ps, *table, xstrdup(key), next);
        if (r < 0)
            return r;
    } else if (next->type != TOML_TABLE || next->origin != BY_DOTS) {
        return bad(ps, "'%.64s' was already defined on line %d", key, next->line);
    }
    *table = next;
    return 0;
}

/* key = value */
static int
parse_pair(struct parser *ps, struct toml *table, int depth)
{
    AUTO(strv) parts = {0};
    const struct toml *old;
    struct toml *v = NULL;
    const char *last;
    int r;

    r = parse_key(ps, &parts);
    if (r < 0)
        return r;
    if (peek(ps) != '=')
        return bad(ps, "expected '=' after the key '%.64s'", parts.items[parts.n - 1]);
    ps->p++;
    skip_blanks(ps);
    for (size_t i = 0; i + 1 < parts.n; i++) {
        r = descend_dotted(ps, &table, parts.items[i]);
        if (r < 0)
            return r;
    }
    last = parts.items[parts.n - 1];
    old = find(table, last);
    if (old)
        return bad(ps, "'%.64s' was already defined on line %d", last, old->line);
    r = parse_value(ps, depth + (int) parts.n, &v);
    if (r < 0)
        return r;
    return add(ps, table, xstrdup(last), v);
}

/* One step of a header towards its table: an existing table, the last element
 * of an array of tables, or a new one. */
static int
descend_header(struct parser *ps, struct toml **table, const char *key)
{
    struct toml *next = find(*table, key);
    int r;

    if (!next) {
        next = value_new(ps, TOML_TABLE);
        next->origin = BY_PREFIX;
        r = add(ps, *table, xstrdup(key), next);
        if (r < 0)
            return r;
    }
    if (next->array_of_tables)
        next = next->items[next->n - 1];
    if (next->type != TOML_TABLE || next->origin == BY_BRACES)
        return bad(ps, "'%.64s' was already defined on line %d", key, next->line);
    *table = next;
    return 0;
}

static int
define_table(struct parser *ps, struct toml *parent, const char *key, struct toml **ret)
{
    struct toml *old = find(parent, key);
    int r;

    if (old && (old->type != TOML_TABLE || old->origin != BY_PREFIX))
        return bad(ps, "'%.64s' was already defined on line %d", key, old->line);
    if (!old) {
        old = value_new(ps, TOML_TABLE);
        r = add(ps, parent, xstrdup(key), old);
        if (r < 0)
            return r;
    }
    old->origin = BY_HEADER;
    old->line = ps->line;
    *ret = old;
    return 0;
}

static int
define_element(struct parser *ps, struct toml *parent, const char *key, struct toml **ret)
{
    struct toml *array = find(parent, key), *element;
    int r;

    if (array && !array->array_of_tables)
        return bad(ps, "'%.64s' was already defined on line %d", key, array->line);
    if (!array) {
        array = value_new(ps, TOML_ARRAY);
        r = add(ps, parent, xstrdup(key), array);
        if (r < 0)
            return r;
        array->array_of_tables = true;
    }
    element = value_new(ps, TOML_TABLE);
    r = add(ps, array, NULL, element);
    if (r < 0)
        return r;
    *ret = element;
    return 0;
}

/* [a.b] or [[a.b]] */
static int
parse_header(struct parser *ps, struct toml *root, struct toml **ret)
{
    bool element = looking_at(ps, "[[");
    AUTO(strv) parts = {0};
    int r;

    ps->p += element ? 2 : 1;
    r = parse_key(ps, &parts);
    if (r < 0)
        return r;
    if (!looking_at(ps, element ? "]]" : "]"))
        return bad(ps, "expected '%s' after the table's name", element ? "]]" : "]");
    ps->p += element ? 2 : 1;
    for (size_t i = 0; i + 1 < parts.n; i++) {
        r = descend_header(ps, &root, parts.items[i]);
        if (r < 0)
            return r;
    }
    return (element ? define_element : define_table)(ps, root, parts.items[parts.n - 1], ret);
}

static int
parse_document(struct parser *ps, struct toml *root)
{
    struct toml *table = root;
    int r;

    if (looking_at(ps, "\xef\xbb\xbf"))
        ps->p += 3;
    for (;;) {
        skip_space(ps);
        if (ps->p == ps->end)
            return 0;
        r = peek(ps) == '[' ? parse_header(ps, root, &table) : parse_pair(ps, table, 0);
        if (r < 0)
            return r;
        r = expect_line_end(ps);
        if (r < 0)
            return r;
    }
}

/* Well-formed UTF-8, no control characters but tab and line ends (a lone CR is
 * none). */
static int
check_text(struct parser *ps)
{
    const unsigned char *p = (const unsigned char *) ps->p, *end = (const unsigned char *) ps->end;
    size_t more;
    uint32_t c;

    while (p < end) {
        if (*p < 0x80) {
            if (*p == '\n')
                ps->line++;
            else if ((*p == '\r' && (p + 1 == end || p[1] != '\n')) ||
                     (*p != '\r' && is_control((char) *p)))
                return bad(ps, "control character 0x%02x", *p);
            p++;
            continue;
        }
        more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : 1;
        c = *p & (0x3fu >> more);
        if (*p < 0xc2 || *p > 0xf4 || (size_t) (end - p) <= more)
            return bad(ps, "not UTF-8");
        for (size_t i = 1; i <= more; i++) {
            if ((p[i] & 0xc0) != 0x80)
                return bad(ps, "not UTF-8");
            c = c << 6 | (p[i] & 0x3f);
        }
        if ((more == 2 && c < 0x800) || (more == 3 && (c < 0x10000 || c > 0x10ffff)) ||
            (c >= 0xd800 && c <= 0xdfff))
            return bad(ps, "not UTF-8");
        p += more + 1;
    }
    ps->line = 1;
    return 0;
}

int
toml_parse(const void *p, size_t n, struct toml **ret, struct err *err)
{
    struct parser ps = {.p = n ? p : "", .line = 1, .err = err};
    AUTO_PTR(toml) root = NULL;
    int r;

    if (n > TOML_SIZE_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "TOML of more than %d bytes", TOML_SIZE_MAX);
    ps.end = ps.p + n;
    r = check_text(&ps);
    if (r < 0)
        return r;
    root = value_new(&ps, TOML_TABLE);
    r = parse_document(&ps, root);
    if (r < 0)
        return r;
    *ret = TAKE(root);
    return 0;
}
