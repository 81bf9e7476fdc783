/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a TOML document: blanks, comments, strings. */
#include <stdarg.h>
#include <string.h>

#include "libross/base/buf.h"
#include "libross/config/toml_parts.h"

int
toml_bad(struct toml_parser *ps, const char *fmt, ...)
{
    va_list ap;
    int r;

    va_start(ap, fmt);
    r = err_setv(ps->err, CODE_INVALID_ARGUMENT, fmt, ap);
    va_end(ap);
    return err_wrap(ps->err, r, "line %d", ps->line);
}

/* The next byte, or 0 at the end (NUL itself is refused before parsing). */
char
toml_peek(const struct toml_parser *ps)
{
    return ps->p < ps->end ? *ps->p : '\0';
}

bool
toml_looking_at(const struct toml_parser *ps, const char *s)
{
    size_t n = strlen(s);

    return (size_t) (ps->end - ps->p) >= n && memcmp(ps->p, s, n) == 0;
}

void
toml_skip_blanks(struct toml_parser *ps)
{
    while (toml_peek(ps) == ' ' || toml_peek(ps) == '\t')
        ps->p++;
}

bool
toml_skip_newline(struct toml_parser *ps)
{
    if (toml_peek(ps) == '\n')
        ps->p++;
    else if (toml_looking_at(ps, "\r\n"))
        ps->p += 2;
    else
        return false;
    ps->line++;
    return true;
}

static void
skip_comment(struct toml_parser *ps)
{
    if (toml_peek(ps) == '#')
        while (ps->p < ps->end && *ps->p != '\n' && !toml_looking_at(ps, "\r\n"))
            ps->p++;
}

/* Blanks, comments and line ends: between expressions and inside arrays. */
void
toml_skip_space(struct toml_parser *ps)
{
    do {
        toml_skip_blanks(ps);
        skip_comment(ps);
    } while (toml_skip_newline(ps));
}

int
toml_expect_line_end(struct toml_parser *ps)
{
    toml_skip_blanks(ps);
    skip_comment(ps);
    if (ps->p == ps->end || toml_skip_newline(ps))
        return 0;
    return toml_bad(ps, "unexpected '%c' after the value", *ps->p);
}

static int
append_utf8(struct toml_parser *ps, struct buf *to, uint32_t c)
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
parse_escape(struct toml_parser *ps, struct buf *to)
{
    static const char from[] = "btnfr\"\\", into[] = "\b\t\n\f\r\"\\";
    char kind = toml_peek(ps);
    const char *at = kind ? strchr(from, kind) : NULL;
    uint32_t c = 0;
    int digits, digit;

    if (at) {
        ps->p++;
        return buf_append(to, &into[at - from], 1, ps->err);
    }
    if (kind != 'u' && kind != 'U')
        return toml_bad(ps, "unknown escape in a string; use \\\\ for a backslash");
    digits = kind == 'u' ? 4 : 8;
    ps->p++;
    for (int i = 0; i < digits; i++, ps->p++) {
        digit = toml_hex_digit(toml_peek(ps));
        if (digit < 0)
            return toml_bad(ps, "\\%c needs %d hex digits", kind, digits);
        c = c << 4 | (uint32_t) digit;
    }
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return toml_bad(ps, "\\%c%0*x is no character", kind, digits, c);
    if (c == 0)
        return toml_bad(ps, "a string must not hold the NUL character");
    return append_utf8(ps, to, c);
}

/* "\" at the end of a line of a multi-line string: everything up to the next visible character goes. */
static bool
skip_line_continuation(struct toml_parser *ps)
{
    struct toml_parser ahead = *ps;

    toml_skip_blanks(&ahead);
    if (!toml_skip_newline(&ahead))
        return false;
    do
        toml_skip_blanks(&ahead);
    while (toml_skip_newline(&ahead));
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
parse_line_string(struct toml_parser *ps, char quote, struct buf *to)
{
    int r;

    ps->p++;
    for (;;) {
        if (ps->p == ps->end || *ps->p == '\n' || *ps->p == '\r')
            return toml_bad(ps, "unterminated string");
        if (*ps->p == quote) {
            ps->p++;
            return 0;
        }
        if (is_control(*ps->p))
            return toml_bad(ps, "control character in a string");
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

/* After """ or '''. Up to two quotes may stand right before the closing three. */
static int
parse_block_string(struct toml_parser *ps, char quote, struct buf *to)
{
    char close[] = {quote, quote, quote, '\0'};
    int r, begun = ps->line;

    ps->p += 3;
    (void) toml_skip_newline(ps);
    for (;;) {
        if (ps->p == ps->end) {
            ps->line = begun;
            return toml_bad(ps, "unterminated string");
        }
        if (toml_looking_at(ps, close) && !(ps->p + 3 < ps->end && ps->p[3] == quote)) {
            ps->p += 3;
            return 0;
        }
        if (toml_looking_at(ps, close) &&
            toml_looking_at(&(struct toml_parser){.p = ps->p + 3, .end = ps->end}, close))
            return toml_bad(ps, "too many quotes at the end of a string");
        if (toml_skip_newline(ps)) {
            r = buf_append(to, "\n", 1, ps->err);
        } else if (is_control(*ps->p)) {
            return toml_bad(ps, "control character in a string");
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

int
toml_parse_string(struct toml_parser *ps, char quote, bool one_line, char **ret)
{
    char open[] = {quote, quote, quote, '\0'};
    AUTO(buf) text = BUF_INIT(TOML_SIZE_MAX);
    int r;

    if (toml_looking_at(ps, open) && one_line)
        return toml_bad(ps, "a key cannot be a multi-line string");
    r = toml_looking_at(ps, open) ? parse_block_string(ps, quote, &text)
                                  : parse_line_string(ps, quote, &text);
    if (r < 0)
        return r;
    *ret = buf_take(&text);
    return 0;
}

/* Well-formed UTF-8, no control characters but tab and line ends (a lone CR is none). */
int
toml_check_text(struct toml_parser *ps)
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
                return toml_bad(ps, "control character 0x%02x", *p);
            p++;
            continue;
        }
        more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : 1;
        c = *p & (0x3fu >> more);
        if (*p < 0xc2 || *p > 0xf4 || (size_t) (end - p) <= more)
            return toml_bad(ps, "not UTF-8");
        for (size_t i = 1; i <= more; i++) {
            if ((p[i] & 0xc0) != 0x80)
                return toml_bad(ps, "not UTF-8");
            c = c << 6 | (p[i] & 0x3f);
        }
        if ((more == 2 && c < 0x800) || (more == 3 && (c < 0x10000 || c > 0x10ffff)) ||
            (c >= 0xd800 && c <= 0xdfff))
            return toml_bad(ps, "not UTF-8");
        p += more + 1;
    }
    ps->line = 1;
    return 0;
}
