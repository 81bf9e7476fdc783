/* SPDX-License-Identifier: Apache-2.0 */
/* Texts with {{…}} in them. */
#include "template.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define OUTPUT_MAX ((size_t) 64 * 1024 * 1024)

/* "$name" of a range, while its body is printed. */
struct variable {
    const struct variable *outer;
    const char *name;
    size_t name_len;
    const struct json *v;
};

struct template
{
    const struct json *root;          /* "$" */
    const struct variable *variables; /* the innermost first */
    const char *text;                 /* the whole, for messages */
    const char *at;
    struct buf *out; /* NULL while a part is skipped */
    unsigned depth;
};

/* A value of an expression: borrowed from the tree, or made on the way. */
struct value {
    const struct json *v;
    struct json *made;
};

static void
value_done(struct value *x)
{
    json_free(x->made);
    *x = (struct value){0};
}

static void
value_make(struct value *x, struct json *made)
{
    json_free(x->made);
    *x = (struct value){.v = made, .made = made};
}

/* ---- words ---- */

static void
skip_blanks(const char **p)
{
    *p += strspn(*p, " \t\n");
}

static int
malformed(const struct template *t, const char *why, struct err *err)
{
    return err_set(err, CODE_INVALID_ARGUMENT, "--format '%.128s': %s", t->text, why);
}

static int
next_string(const struct template *t, const char **p, char **ret, struct err *err)
{
    const char *end;
    char quote = **p;

    end = strchr(*p + 1, quote);
    if (!end)
        return malformed(t, "a quote that does not end", err);
    *ret = xstrndup(*p + 1, (size_t) (end - *p - 1));
    *p = end + 1;
    return 0;
}

static char *
next_word(const char **p)
{
    size_t n = strcspn(*p, " \t\n|}\"");
    char *word = xstrndup(*p, n);

    *p += n;
    return word;
}

/* ---- values ---- */

static struct json *
field(const struct json *object, const char *name)
{
    struct json *found = json_find(object, name), *v;
    const char *key;
    void *i = NULL;

    if (found || !json_is_object(object))
        return found;
    while (json_next(object, &i, &key, &v))
        if (strcasecmp(key, name) == 0)
            return v;
    return NULL;
}

static bool
has_field(const struct json *object, const char *name)
{
    struct json *v;
    const char *key;
    void *i = NULL;

    while (json_is_object(object) && json_next(object, &i, &key, &v))
        if (strcasecmp(key, name) == 0)
            return true;
    return false;
}

static int
walk(const struct template *t, const char *path, const struct json *dot, const struct json **ret,
     struct err *err)
{
    AUTO(strv) parts = strv_split(path + 1, '.');

    for (size_t i = 0; i < parts.n; i++) {
        const char *name = parts.items[i];

        if (!*name && parts.n == 1)
            break;
        if (!has_field(dot, name))
            return err_set(err, CODE_INVALID_ARGUMENT,
                           "--format '%.128s': there is no field '%.64s'; --format json shows them",
                           t->text, name);
        dot = field(dot, name);
    }
    *ret = dot;
    return 0;
}

/* "$", "$name" or "$name.field". */
static int
variable(const struct template *t, const char *word, const struct json **ret, struct err *err)
{
    size_t n = strcspn(word, ".");
    const struct variable *v = t->variables;
    const struct json *found = n == 1 ? t->root : NULL;

    while (n > 1 && v && (v->name_len != n || strncmp(v->name, word, n) != 0))
        v = v->outer;
    if (n > 1 && !v)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "--format '%.128s': there is no variable '%.64s'", t->text, word);
    found = n > 1 ? v->v : found;
    if (!word[n]) {
        *ret = found;
        return 0;
    }
    return walk(t, word + n, found, ret, err);
}

static int term(const struct template *t, const char **p, const struct json *dot, struct value *ret,
                struct err *err);

static bool
is_true(const struct json *v)
{
    int64_t n;

    if (json_str(v))
        return *json_str(v) != '\0';
    if (json_int(v, &n))
        return n != 0;
    return json_is_true(v) || json_len(v) > 0;
}

static int append_value(struct buf *out, const struct json *v, struct err *err);

static char *
to_text(const struct json *v)
{
    struct buf b = BUF_INIT(OUTPUT_MAX);

    (void) append_value(&b, v, NULL);
    return buf_take(&b);
}

static int
one_index(const struct template *t, struct value *x, const struct value *key, struct err *err)
{
    const struct json *v = x->v;
    int64_t n;

    if (json_is_array(v) && json_int(key->v, &n)) {
        if (n < 0 || (size_t) n >= json_len(v))
            return malformed(t, "an index beyond the end", err);
        v = json_at(v, (size_t) n);
    } else if (json_is_object(v) && json_str(key->v))
        v = json_find(v, json_str(key->v));
    else
        return malformed(t, "index needs an array and a number, or an object and a name", err);
    /* a made tree is kept: v may be inside */
    x->v = v;
    return 0;
}

/* eq, ne: any of those that follow; and, or: the first that decides, else the last. */
static int
compare(const struct template *t, const char *name, struct value *x, const char **p,
        const struct json *dot, struct err *err)
{
    bool equality = strcmp(name, "eq") == 0 || strcmp(name, "ne") == 0;
    auto_free char *text = equality ? to_text(x->v) : NULL;
    bool equal = false, until = strcmp(name, "or") == 0;
    int r = 0;

    for (skip_blanks(p); r == 0 && **p && !strchr("|)}", **p); skip_blanks(p)) {
        struct value arg = {0};

        r = term(t, p, dot, &arg, err);
        if (r == 0 && equality) {
            auto_free char *other = to_text(arg.v);

            equal |= strcmp(text, other) == 0;
        } else if (r == 0 && is_true(x->v) != until) {
            value_done(x);
            *x = arg;
            continue;
        }
        value_done(&arg);
    }
    if (r == 0 && equality)
        value_make(x, json_new_bool(equal == (name[0] == 'e')));
    return r;
}

/* The functions of one value, and of one value and a text. */
static int
apply(const struct template *t, const char *name, struct value *x, const char **p,
      const struct json *dot, struct err *err)
{
    auto_free char *text = NULL;
    struct value arg = {0};
    int r = 0;

    if (strcmp(name, "json") == 0) {
        text = x->v ? json_dump(x->v, NULL) : xstrdup("null");
        value_make(x, json_new_str(text));
    } else if (strcmp(name, "len") == 0) {
        int64_t n = json_str(x->v) ? (int64_t) strlen(json_str(x->v)) : (int64_t) json_len(x->v);

        value_make(x, json_new_int(n));
    } else if (strcmp(name, "upper") == 0 || strcmp(name, "lower") == 0) {
        text = to_text(x->v);
        for (char *c = text; *c; c++)
            *c =
                (char) (name[0] == 'u' ? toupper((unsigned char) *c) : tolower((unsigned char) *c));
        value_make(x, json_new_str(text));
    } else if (strcmp(name, "join") == 0) {
        AUTO(strv) words = {0};

        skip_blanks(p);
        r = term(t, p, dot, &arg, err);
        for (size_t i = 0; r == 0 && i < json_len(x->v); i++)
            strv_take(&words, to_text(json_at(x->v, i)));
        if (r == 0) {
            text = strv_join(&words, json_str(arg.v) ? json_str(arg.v) : "");
            value_make(x, json_new_str(text));
        }
        value_done(&arg);
    } else if (strcmp(name, "eq") == 0 || strcmp(name, "ne") == 0 || strcmp(name, "and") == 0 ||
               strcmp(name, "or") == 0) {
        r = compare(t, name, x, p, dot, err);
    } else if (strcmp(name, "not") == 0) {
        value_make(x, json_new_bool(!is_true(x->v)));
    } else if (strcmp(name, "println") == 0) {
        auto_free char *plain = to_text(x->v);

        text = xasprintf("%s\n", plain);
        value_make(x, json_new_str(text));
    } else if (strcmp(name, "index") == 0) {
        for (skip_blanks(p); r == 0 && **p && !strchr("|})", **p); skip_blanks(p)) {
            r = term(t, p, dot, &arg, err);
            if (r == 0)
                r = one_index(t, x, &arg, err);
            value_done(&arg);
        }
    } else
        r = err_set(err, CODE_INVALID_ARGUMENT,
                    "--format '%.128s': '%.32s' is not known, use .field, json, len, upper, lower, "
                    "index, join, println, eq, ne, and, or, not, range, if",
                    t->text, name);
    return r;
}

/* As next_word(), but a bracket ends it too. */
static char *
next_word_inside(const char **p)
{
    char *word = next_word(p), *end = strchr(word, ')');

    if (end) {
        *p -= strlen(end);
        *end = '\0';
    }
    return word;
}

/* "(index .A 0).B": what is between the brackets, and a field of it. */
static int
bracket(const struct template *t, const char **p, const struct json *dot, struct value *ret,
        struct err *err)
{
    auto_free char *path = NULL;
    int r;

    (*p)++;
    r = term(t, p, dot, ret, err);
    skip_blanks(p);
    if (r < 0)
        return r;
    if (**p != ')')
        return malformed(t, "a bracket that does not end", err);
    (*p)++;
    if (**p != '.')
        return 0;
    path = next_word_inside(p);
    return walk(t, path, ret->v, &ret->v, err);
}

static int
term(const struct template *t, const char **p, const struct json *dot, struct value *ret,
     struct err *err)
{
    auto_free char *word = NULL;
    char *end;
    int64_t n;
    int r;

    skip_blanks(p);
    if (**p == '"' || **p == '`') {
        r = next_string(t, p, &word, err);
        if (r == 0)
            value_make(ret, json_new_str(word));
        return r;
    }
    if (**p == '(')
        return bracket(t, p, dot, ret, err);
    word = next_word_inside(p);
    if (!*word)
        return malformed(t, "nothing between {{ and }}", err);
    if (*word == '.')
        return walk(t, word, dot, &ret->v, err);
    if (*word == '$')
        return variable(t, word, &ret->v, err);
    n = strtoll(word, &end, 10);
    if (!*end) {
        value_make(ret, json_new_int(n));
        return 0;
    }
    r = term(t, p, dot, ret, err);
    return r < 0 ? r : apply(t, word, ret, p, dot, err);
}

static int
pipeline(const struct template *t, const char *p, const struct json *dot, struct value *ret,
         struct err *err)
{
    int r = term(t, &p, dot, ret, err);

    for (skip_blanks(&p); r == 0 && *p; skip_blanks(&p)) {
        auto_free char *word = NULL;

        if (*p != '|')
            return malformed(t, "a word too many", err);
        p++;
        skip_blanks(&p);
        word = next_word(&p);
        r = apply(t, word, ret, &p, dot, err);
    }
    return r;
}

/* As Go prints: arrays [a b], objects map[k:v]. */
static int
append_value(struct buf *out, const struct json *v, struct err *err)
{
    struct json *item;
    const char *key;
    void *i = NULL;
    int64_t n;
    bool first = true;
    int r = 0;

    if (json_str(v))
        return buf_append_str(out, json_str(v), err);
    if (json_int(v, &n))
        return buf_printf(out, err, "%" PRId64, n);
    if (json_is_array(v)) {
        r = buf_append_str(out, "[", err);
        for (size_t k = 0; r == 0 && k < json_len(v); k++) {
            r = k ? buf_append_str(out, " ", err) : 0;
            if (r == 0)
                r = append_value(out, json_at(v, k), err);
        }
        return r < 0 ? r : buf_append_str(out, "]", err);
    }
    if (json_is_object(v)) {
        r = buf_append_str(out, "map[", err);
        while (r == 0 && json_next(v, &i, &key, &item)) {
            r = buf_printf(out, err, "%s%s:", first ? "" : " ", key);
            if (r == 0)
                r = append_value(out, item, err);
            first = false;
        }
        return r < 0 ? r : buf_append_str(out, "]", err);
    }
    if (v) { /* true, false, fractions */
        auto_free char *text = json_dump(v, NULL);

        return buf_append_str(out, text, err);
    }
    return buf_append_str(out, "<no value>", err);
}

/* ---- the text ---- */

enum stop { STOP_TEXT, STOP_ELSE, STOP_END };

static int block(struct template *t, const struct json *dot, enum stop *ret, struct err *err);

/* What is between {{ and }}, malloc'ed; t->at behind it. */
static int
next_action(struct template *t, char **ret, struct err *err)
{
    const char *p = t->at + 2, *from = p;
    char quote = 0;

    for (; *p; p++) {
        if (quote) {
            quote = *p == quote ? 0 : quote;
            continue;
        }
        if (*p == '"' || *p == '`')
            quote = *p;
        else if (p[0] == '}' && p[1] == '}')
            break;
    }
    if (!*p)
        return malformed(t, "{{ without the closing }}", err);
    *ret = xstrndup(from, (size_t) (p - from));
    t->at = p + 2;
    return 0;
}

/* A part, skipped when `wanted` is false. */
static int
part(struct template *t, const struct json *dot, bool wanted, enum stop *ret, struct err *err)
{
    struct buf *out = t->out;
    int r;

    if (!wanted)
        t->out = NULL;
    r = block(t, dot, ret, err);
    t->out = out;
    return r;
}

/* "$k, $v := " or "$v := " before what a range goes over; the names are empty without. */
static const char *
range_names(const char *expr, struct variable *key, struct variable *value)
{
    const char *assign = strstr(expr, ":="), *comma = strchr(expr, ',');

    expr += strspn(expr, " ");
    if (*expr != '$' || !assign)
        return expr;
    if (comma && comma < assign) {
        key->name = expr;
        key->name_len = strcspn(expr, " ,");
        expr = comma + 1 + strspn(comma + 1, " ");
    }
    value->name = expr;
    value->name_len = strcspn(expr, " :");
    return assign + 2;
}

/* The body once, with the range's variables. */
static int
round_of(struct template *t, const char *body, struct variable *key, struct variable *value,
         const struct json *item, enum stop *ret, struct err *err)
{
    const struct variable *outer = t->variables;
    int r;

    key->outer = outer;
    value->outer = key;
    value->v = item;
    t->variables = value;
    t->at = body;
    r = part(t, item, true, ret, err);
    t->variables = outer;
    return r;
}

static int
branch(struct template *t, const char *expr, bool is_range, const struct json *dot, struct err *err)
{
    struct value x = {0};
    const char *body = t->at;
    enum stop stop = STOP_TEXT;
    bool any = false;
    void *i = NULL;
    const char *key;
    struct json *item;
    struct variable key_var = {0}, item_var = {0};
    int r;

    if (is_range)
        expr = range_names(expr, &key_var, &item_var);
    if (t->depth++ == TEMPLATE_DEPTH_MAX)
        return malformed(t, "too many blocks inside each other", err);
    r = t->out ? pipeline(t, expr, dot, &x, err) : 0;
    if (r == 0 && is_range && json_is_array(x.v)) {
        for (size_t k = 0; r == 0 && k < json_len(x.v); k++, any = true) {
            AUTO_PTR(json) number = json_new_int((int64_t) k);

            key_var.v = number;
            r = round_of(t, body, &key_var, &item_var, json_at(x.v, k), &stop, err);
        }
    } else if (r == 0 && is_range && json_is_object(x.v)) {
        for (; r == 0 && json_next(x.v, &i, &key, &item); any = true) {
            AUTO_PTR(json) name = json_new_str(key);

            key_var.v = name;
            r = round_of(t, body, &key_var, &item_var, item, &stop, err);
        }
    } else if (r == 0 && is_range && x.v)
        r = malformed(t, "range needs an array or an object", err);
    else
        any = !is_range && is_true(x.v);
    if (r == 0 && (!is_range || !any)) {
        t->at = body;
        r = part(t, dot, any, &stop, err);
    }
    if (r == 0 && stop == STOP_ELSE)
        r = part(t, dot, !any && t->out, &stop, err);
    if (r == 0 && stop != STOP_END)
        r = malformed(t, "a block without {{end}}", err);
    t->depth--;
    value_done(&x);
    return r;
}

static int
action(struct template *t, const char *text, const struct json *dot, enum stop *ret,
       struct err *err)
{
    struct value x = {0};
    int r = 0;

    *ret = STOP_TEXT;
    if (strcmp(text, "end") == 0)
        *ret = STOP_END;
    else if (strcmp(text, "else") == 0)
        *ret = STOP_ELSE;
    else if (strncmp(text, "range ", 6) == 0)
        r = branch(t, text + 6, true, dot, err);
    else if (strncmp(text, "if ", 3) == 0)
        r = branch(t, text + 3, false, dot, err);
    else if (t->out) {
        r = pipeline(t, text, dot, &x, err);
        if (r == 0)
            r = append_value(t->out, x.v, err);
        value_done(&x);
    }
    return r;
}

static int
put_text(struct template *t, size_t n, struct err *err)
{
    const char *p = t->at;
    int r = 0;

    t->at += n;
    if (!t->out)
        return 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        char c = p[i];

        if (c == '\\' && i + 1 < n && (p[i + 1] == 't' || p[i + 1] == 'n')) {
            c = p[i + 1] == 't' ? '\t' : '\n';
            i++;
        }
        r = buf_append(t->out, &c, 1, err);
    }
    return r;
}

/* Up to the end of the text, or of the block that it is in. */
static int
block(struct template *t, const struct json *dot, enum stop *ret, struct err *err)
{
    const char *open, *inner;
    int r = 0;

    *ret = STOP_TEXT;
    while (r == 0 && *ret == STOP_TEXT && *t->at) {
        auto_free char *text = NULL;
        char *end;

        open = strstr(t->at, "{{");
        r = put_text(t, open ? (size_t) (open - t->at) : strlen(t->at), err);
        if (r < 0 || !open)
            break;
        r = next_action(t, &text, err);
        if (r < 0)
            break;
        inner = text + strspn(text, " -");
        end = text + strlen(text);
        while (end > inner && strchr(" -", end[-1]))
            *--end = '\0';
        r = action(t, inner, dot, ret, err);
    }
    return r;
}

int
template_append(struct buf *out, const char *text, const struct json *value, struct err *err)
{
    struct template t = {.text = text, .at = text, .out = out, .root = value};
    enum stop stop;
    int r;

    r = block(&t, value, &stop, err);
    if (r == 0 && stop != STOP_TEXT)
        r = malformed(&t, "{{end}} or {{else}} without a block", err);
    return r;
}

int
template_print(FILE *to, const char *text, const struct json *value, struct err *err)
{
    AUTO(buf) out = BUF_INIT(OUTPUT_MAX);
    int r;

    r = template_append(&out, text, value, err);
    if (r == 0 && out.len)
        (void) fwrite(out.data, 1, out.len, to);
    return r;
}
