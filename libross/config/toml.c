/* SPDX-License-Identifier: Apache-2.0 */
/* TOML 1.0 read into a tree: keys, values, tables. */
#include "libross/config/toml.h"

#include <string.h>

#include "libross/config/toml_parts.h"

#define WORD_MAX 128 /* no number or date is longer */

static bool
is_bare(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/* One part of a key: bare or quoted. */
static int
parse_key_part(struct toml_parser *ps, char **ret)
{
    const char *from;

    toml_skip_blanks(ps);
    if (toml_peek(ps) == '"' || toml_peek(ps) == '\'')
        return toml_parse_string(ps, *ps->p, true, ret);
    for (from = ps->p; ps->p < ps->end && is_bare(*ps->p);)
        ps->p++;
    if (ps->p == from)
        return toml_bad(ps, ps->p == ps->end ? "the file ends where a key should be"
                                             : "expected a key");
    *ret = xstrndup(from, (size_t) (ps->p - from));
    return 0;
}

/* "a.b.c": the parts, at least one; all blanks around dots are skipped. */
static int
parse_key(struct toml_parser *ps, struct strv *parts)
{
    char *part = NULL;
    int r;

    for (;;) {
        if (parts->n == TOML_DEPTH_MAX)
            return toml_bad(ps, "a key of more than %d parts", TOML_DEPTH_MAX);
        r = parse_key_part(ps, &part);
        if (r < 0)
            return r;
        strv_take(parts, TAKE(part));
        toml_skip_blanks(ps);
        if (toml_peek(ps) != '.')
            return 0;
        ps->p++;
    }
}

/* The word of a number, date, boolean: up to a delimiter. A blank between a date and a time belongs to it. */
static void
take_word(struct toml_parser *ps, char *word, size_t size)
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

static int
parse_word(struct toml_parser *ps, struct toml **ret)
{
    char word[WORD_MAX], plain[WORD_MAX];
    struct toml *v;
    int64_t i;
    double f;

    take_word(ps, word, sizeof word);
    if (!*word && ps->p == ps->end)
        return toml_bad(ps, "the file ends where a value should be");
    if (!*word)
        return toml_bad(ps, "expected a value, found '%c'", *ps->p);
    if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0) {
        v = toml_value_new(ps, TOML_BOOL);
        v->b = word[0] == 't';
    } else if (toml_word_is_date(word)) {
        v = toml_value_new(ps, TOML_DATE);
        v->text = xstrdup(word);
    } else if (toml_word_strip(word, word[0] == '0' && word[1] == 'x', plain) &&
               toml_word_is_int(plain, &i)) {
        v = toml_value_new(ps, TOML_INT);
        v->i = i;
    } else if (toml_word_strip(word, false, plain) && toml_word_is_float(plain, &f)) {
        v = toml_value_new(ps, TOML_FLOAT);
        v->f = f;
    } else {
        return toml_bad(ps, "'%s' is no value; strings need quotes", word);
    }
    *ret = v;
    return 0;
}

static int parse_value(struct toml_parser *ps, int depth, struct toml **ret);
static int parse_pair(struct toml_parser *ps, struct toml *table, int depth);

static int
parse_array(struct toml_parser *ps, int depth, struct toml **ret)
{
    AUTO_PTR(toml) array = toml_value_new(ps, TOML_ARRAY);
    struct toml *item = NULL;
    int r;

    for (ps->p++;;) {
        toml_skip_space(ps);
        if (toml_peek(ps) == ']')
            break;
        r = parse_value(ps, depth + 1, &item);
        if (r < 0)
            return r;
        r = toml_add(ps, array, NULL, item);
        if (r < 0)
            return r;
        toml_skip_space(ps);
        if (toml_peek(ps) == ',')
            ps->p++;
        else if (toml_peek(ps) != ']')
            return toml_bad(ps, "expected ',' or ']' in the array that began on line %d",
                            array->line);
    }
    ps->p++;
    *ret = TAKE(array);
    return 0;
}

static int
parse_inline_table(struct toml_parser *ps, int depth, struct toml **ret)
{
    AUTO_PTR(toml) table = toml_value_new(ps, TOML_TABLE);
    int r;

    ps->p++;
    toml_skip_blanks(ps);
    while (toml_peek(ps) != '}' || table->n) {
        r = parse_pair(ps, table, depth + 1);
        if (r < 0)
            return r;
        toml_skip_blanks(ps);
        if (toml_peek(ps) == '}')
            break;
        if (toml_peek(ps) != ',')
            return toml_bad(ps, "expected ',' or '}' in an inline table, which is one line");
        ps->p++;
    }
    ps->p++;
    table->origin = BY_BRACES;
    *ret = TAKE(table);
    return 0;
}

static int
parse_value(struct toml_parser *ps, int depth, struct toml **ret)
{
    struct toml *v;
    char *text;
    int r;

    if (depth > TOML_DEPTH_MAX)
        return toml_bad(ps, "nested deeper than %d levels", TOML_DEPTH_MAX);
    switch (toml_peek(ps)) {
    case '[':
        return parse_array(ps, depth, ret);
    case '{':
        return parse_inline_table(ps, depth, ret);
    case '"':
    case '\'':
        v = toml_value_new(ps, TOML_STR);
        r = toml_parse_string(ps, *ps->p, false, &text);
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

/* The table `key` below `table` for a dotted key: made, or one that dotted keys made. */
static int
descend_dotted(struct toml_parser *ps, struct toml **table, const char *key)
{
    struct toml *next = toml_find_own(*table, key);
    int r;

    if (!next) {
        next = toml_value_new(ps, TOML_TABLE);
        next->origin = BY_DOTS;
        r = toml_add(ps, *table, xstrdup(key), next);
        if (r < 0)
            return r;
    } else if (next->type != TOML_TABLE || next->origin != BY_DOTS) {
        return toml_bad(ps, "'%.64s' was already defined on line %d", key, next->line);
    }
    *table = next;
    return 0;
}

/* key = value */
static int
parse_pair(struct toml_parser *ps, struct toml *table, int depth)
{
    AUTO(strv) parts = {0};
    const struct toml *old;
    struct toml *v = NULL;
    const char *last;
    int r;

    r = parse_key(ps, &parts);
    if (r < 0)
        return r;
    if (toml_peek(ps) != '=')
        return toml_bad(ps, "expected '=' after the key '%.64s'", parts.items[parts.n - 1]);
    ps->p++;
    toml_skip_blanks(ps);
    for (size_t i = 0; i + 1 < parts.n; i++) {
        r = descend_dotted(ps, &table, parts.items[i]);
        if (r < 0)
            return r;
    }
    last = parts.items[parts.n - 1];
    old = toml_find_own(table, last);
    if (old)
        return toml_bad(ps, "'%.64s' was already defined on line %d", last, old->line);
    r = parse_value(ps, depth + (int) parts.n, &v);
    if (r < 0)
        return r;
    return toml_add(ps, table, xstrdup(last), v);
}

/* One step of a header: an existing table, the last element of an array of tables, or a new one. */
static int
descend_header(struct toml_parser *ps, struct toml **table, const char *key)
{
    struct toml *next = toml_find_own(*table, key);
    int r;

    if (!next) {
        next = toml_value_new(ps, TOML_TABLE);
        next->origin = BY_PREFIX;
        r = toml_add(ps, *table, xstrdup(key), next);
        if (r < 0)
            return r;
    }
    if (next->array_of_tables)
        next = next->items[next->n - 1];
    if (next->type != TOML_TABLE || next->origin == BY_BRACES)
        return toml_bad(ps, "'%.64s' was already defined on line %d", key, next->line);
    *table = next;
    return 0;
}

static int
define_table(struct toml_parser *ps, struct toml *parent, const char *key, struct toml **ret)
{
    struct toml *old = toml_find_own(parent, key);
    int r;

    if (old && (old->type != TOML_TABLE || old->origin != BY_PREFIX))
        return toml_bad(ps, "'%.64s' was already defined on line %d", key, old->line);
    if (!old) {
        old = toml_value_new(ps, TOML_TABLE);
        r = toml_add(ps, parent, xstrdup(key), old);
        if (r < 0)
            return r;
    }
    old->origin = BY_HEADER;
    old->line = ps->line;
    *ret = old;
    return 0;
}

static int
define_element(struct toml_parser *ps, struct toml *parent, const char *key, struct toml **ret)
{
    struct toml *array = toml_find_own(parent, key), *element;
    int r;

    if (array && !array->array_of_tables)
        return toml_bad(ps, "'%.64s' was already defined on line %d", key, array->line);
    if (!array) {
        array = toml_value_new(ps, TOML_ARRAY);
        r = toml_add(ps, parent, xstrdup(key), array);
        if (r < 0)
            return r;
        array->array_of_tables = true;
    }
    element = toml_value_new(ps, TOML_TABLE);
    r = toml_add(ps, array, NULL, element);
    if (r < 0)
        return r;
    *ret = element;
    return 0;
}

/* [a.b] or [[a.b]] */
static int
parse_header(struct toml_parser *ps, struct toml *root, struct toml **ret)
{
    bool element = toml_looking_at(ps, "[[");
    AUTO(strv) parts = {0};
    int r;

    ps->p += element ? 2 : 1;
    r = parse_key(ps, &parts);
    if (r < 0)
        return r;
    if (!toml_looking_at(ps, element ? "]]" : "]"))
        return toml_bad(ps, "expected '%s' after the table's name", element ? "]]" : "]");
    ps->p += element ? 2 : 1;
    for (size_t i = 0; i + 1 < parts.n; i++) {
        r = descend_header(ps, &root, parts.items[i]);
        if (r < 0)
            return r;
    }
    return (element ? define_element : define_table)(ps, root, parts.items[parts.n - 1], ret);
}

static int
parse_document(struct toml_parser *ps, struct toml *root)
{
    struct toml *table = root;
    int r;

    if (toml_looking_at(ps, "\xef\xbb\xbf"))
        ps->p += 3;
    for (;;) {
        toml_skip_space(ps);
        if (ps->p == ps->end)
            return 0;
        r = toml_peek(ps) == '[' ? parse_header(ps, root, &table) : parse_pair(ps, table, 0);
        if (r < 0)
            return r;
        r = toml_expect_line_end(ps);
        if (r < 0)
            return r;
    }
}

int
toml_parse(const void *p, size_t n, struct toml **ret, struct err *err)
{
    struct toml_parser ps = {.p = n ? p : "", .line = 1, .err = err};
    AUTO_PTR(toml) root = NULL;
    int r;

    if (n > TOML_SIZE_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "TOML of more than %d bytes", TOML_SIZE_MAX);
    ps.end = ps.p + n;
    r = toml_check_text(&ps);
    if (r < 0)
        return r;
    root = toml_value_new(&ps, TOML_TABLE);
    r = parse_document(&ps, root);
    if (r < 0)
        return r;
    *ret = TAKE(root);
    return 0;
}
