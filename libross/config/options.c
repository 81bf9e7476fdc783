/* SPDX-License-Identifier: Apache-2.0 */
/* Command line options and settings files from one table of rows. */
#include "libross/config/options.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "libross/base/fd.h"
#include "libross/base/mem.h"
#include "libross/base/parse.h"
#include "libross/base/strv.h"
#include "libross/config/toml.h"

#define NAME_MAX_BYTES    64 /* of an option's name in the search for the nearest */
#define HINT_DISTANCE_MAX 3

struct table {
    const struct option_row *rows;
    size_t n;
    char *into;
};

/* Levenshtein's distance counting a swap of neighbours as one, up to names of NAME_MAX_BYTES. */
static size_t
edit_distance(const char *a, size_t na, const char *b, size_t nb)
{
    size_t rows[3][NAME_MAX_BYTES + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2], *swap, best;

    if (na > NAME_MAX_BYTES || nb > NAME_MAX_BYTES)
        return SIZE_MAX;
    for (size_t j = 0; j <= nb; j++)
        last[j] = j;
    for (size_t i = 1; i <= na; i++) {
        now[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
        swap = before;
        before = last;
        last = now;
        now = swap;
    }
    return last[nb];
}

/* The option that was probably meant, or NULL. */
static const struct option_row *
nearest(const struct table *t, const char *name, size_t len)
{
    const struct option_row *best = NULL;
    size_t best_distance = HINT_DISTANCE_MAX + 1, d;

    for (const struct option_row *o = t->rows; o < t->rows + t->n; o++) {
        if (o->hidden)
            continue;
        d = edit_distance(name, len, o->name, strlen(o->name));
        /* more than half of the letters wrong is no typing mistake */
        if (d < best_distance && 2 * d <= len) {
            best = o;
            best_distance = d;
        }
    }
    return best;
}

static const struct option_row *
find_name(const struct table *t, const char *name, size_t len)
{
    for (const struct option_row *o = t->rows; o < t->rows + t->n; o++)
        if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
            return o;
    return NULL;
}

static const struct option_row *
find_letter(const struct table *t, char letter)
{
    for (const struct option_row *o = t->rows; o < t->rows + t->n; o++)
        if (o->letter == letter)
            return o;
    return NULL;
}

/* `value` is NULL for a flag given without one. */
static int
set_value(const struct table *t, const struct option_row *o, const char *value, struct err *err)
{
    void *into = t->into + o->offset;

    switch (o->type) {
    case OPTION_FLAG:
        if (value)
            return parse_bool(value, into, err);
        *(bool *) into = true;
        return 0;
    case OPTION_STR:
        *(const char **) into = value;
        return 0;
    case OPTION_STRV:
        strv_add(into, value);
        return 0;
    case OPTION_I64:
        return parse_i64(value, into, err);
    case OPTION_SIZE:
        return parse_size(value, into, err);
    case OPTION_DURATION:
        return parse_duration(value, into, err);
    case OPTION_CALL:
        return o->parse(value, into, err);
    }
    return 0;
}

static int
set_option(const struct table *t, const struct option_row *o, const char *value, struct err *err)
{
    int r = set_value(t, o, value, err);

    return r < 0 ? err_wrap(err, r, "option '--%s'", o->name) : 0;
}

static int
needs_value(const struct option_row *o, struct err *err)
{
    return err_set(err, CODE_INVALID_ARGUMENT, "option '--%s' needs a value (%s)", o->name, o->arg);
}

static int
unknown_long(const struct table *t, const char *name, size_t len, struct err *err)
{
    const struct option_row *hint = nearest(t, name, len);

    if (hint)
        return err_set(err, CODE_INVALID_ARGUMENT, "unknown option '--%.*s'; did you mean '--%s'?",
                       (int) len, name, hint->name);
    return err_set(err, CODE_INVALID_ARGUMENT, "unknown option '--%.*s'", (int) len, name);
}

/* "--name", "--name=value", "--name value"; *used counts the words. */
static int
parse_long(const struct table *t, char *const *args, int n, int *used, struct err *err)
{
    const char *name = args[0] + 2, *equals = strchrnul(name, '=');
    const struct option_row *o = find_name(t, name, (size_t) (equals - name));

    *used = 1;
    if (!o)
        return unknown_long(t, name, (size_t) (equals - name), err);
    if (*equals)
        return set_option(t, o, equals + 1, err);
    if (o->type == OPTION_FLAG)
        return set_option(t, o, NULL, err);
    if (n < 2)
        return needs_value(o, err);
    *used = 2;
    return set_option(t, o, args[1], err);
}

/* "-it", "-n value", "-nvalue", "-n=value". */
static int
parse_short(const struct table *t, char *const *args, int n, int *used, struct err *err)
{
    const struct option_row *o, *meant;
    int r;

    *used = 1;
    for (const char *p = args[0] + 1; *p; p++) {
        o = find_letter(t, *p);
        if (!o) {
            /* "-name" for "--name" */
            meant = p == args[0] + 1 ? find_name(t, p, strcspn(p, "=")) : NULL;
            if (meant)
                return err_set(err, CODE_INVALID_ARGUMENT,
                               "unknown option '-%c'; did you mean '--%s'?", *p, meant->name);
            return err_set(err, CODE_INVALID_ARGUMENT, "unknown option '-%c' in '%.64s'", *p,
                           args[0]);
        }
        if (p[1] == '=')
            return set_option(t, o, p + 2, err);
        if (o->type == OPTION_FLAG) {
            r = set_option(t, o, NULL, err);
            if (r < 0)
                return r;
            continue;
        }
        if (p[1])
            return set_option(t, o, p + 1, err);
        if (n < 2)
            return needs_value(o, err);
        *used = 2;
        return set_option(t, o, args[1], err);
    }
    return 0;
}

int
options_parse(const struct option_row *rows, size_t n, void *into, int argc, char **argv,
              bool stop_at_word, int *ret_words, struct err *err)
{
    const struct table t = {.rows = rows, .n = n, .into = into};
    auto_free char **words = xcalloc((size_t) argc + 1, sizeof *words);
    auto_free char **options = xcalloc((size_t) argc + 1, sizeof *options);
    int n_words = 0, n_options = 0, used, i, r;

    for (i = 1; i < argc; i += used) {
        used = 1;
        if (argv[i][0] != '-' || !argv[i][1]) {
            if (stop_at_word)
                break;
            words[n_words++] = argv[i];
            continue;
        }
        if (strcmp(argv[i], "--") == 0) {
            options[n_options++] = argv[i++];
            break;
        }
        r = (argv[i][1] == '-' ? parse_long : parse_short)(&t, argv + i, argc - i, &used, err);
        if (r < 0)
            return r;
        for (int k = 0; k < used; k++)
            options[n_options++] = argv[i + k];
    }
    for (; i < argc; i++)
        words[n_words++] = argv[i];
    if (argc > 1) {
        memcpy(argv + 1, options, (size_t) n_options * sizeof *argv);
        memcpy(argv + 1 + n_options, words, (size_t) n_words * sizeof *argv);
    }
    *ret_words = argc > 0 ? 1 + n_options : 0;
    return 0;
}

/* "  -n, --name NAME" */
static int
print_left(char *to, size_t size, const struct option_row *o)
{
    char letter[] = "    ";

    if (o->letter) {
        letter[0] = '-';
        letter[1] = o->letter;
        letter[2] = ',';
    }
    return snprintf(to, size, "  %s--%s%s%s", letter, o->name, o->arg ? " " : "",
                    o->arg ? o->arg : "");
}

void
options_help(FILE *to, const struct option_row *rows, size_t n)
{
    char left[128];
    int width = 0, w;

    for (size_t i = 0; i < n; i++) {
        w = rows[i].hidden ? 0 : print_left(left, sizeof left, &rows[i]);
        if (w > width)
            width = w;
    }
    for (size_t i = 0; i < n; i++) {
        if (rows[i].hidden)
            continue;
        (void) print_left(left, sizeof left, &rows[i]);
        (void) fprintf(to, "%-*s  %s\n", width, left, rows[i].help);
    }
}

/* A settings key names an option when they agree but for '-' and '_'. */
static const struct option_row *
find_key(const struct table *t, const char *key)
{
    size_t i;

    for (const struct option_row *o = t->rows; o < t->rows + t->n; o++) {
        for (i = 0;
             key[i] && (key[i] == '_' ? '-' : key[i]) == (o->name[i] == '_' ? '-' : o->name[i]);)
            i++;
        if (!key[i] && !o->name[i])
            return o;
    }
    return NULL;
}

static int
wrong_type(const struct toml *v, const char *wanted, struct err *err)
{
    return err_set(err, CODE_INVALID_ARGUMENT, "%s where %s is needed",
                   toml_type_name(toml_type(v)), wanted);
}

/* The text of a string, an integer or a boolean; malloc'ed, NULL for other types. */
static char *
scalar_text(const struct toml *v)
{
    int64_t i;
    bool b;

    if (toml_str(v))
        return xstrdup(toml_str(v));
    if (toml_int(v, &i))
        return xasprintf("%" PRId64, i);
    if (toml_bool(v, &b))
        return xstrdup(b ? "true" : "false");
    return NULL;
}

static int
set_list(struct strv *into, const struct toml *v, struct err *err)
{
    if (toml_str(v)) {
        strv_add(into, toml_str(v));
        return 0;
    }
    if (toml_type(v) != TOML_ARRAY)
        return wrong_type(v, "an array of strings", err);
    for (size_t i = 0; i < toml_len(v); i++) {
        if (!toml_str(toml_at(v, i)))
            return err_set(err, CODE_INVALID_ARGUMENT, "an item is %s, not a string",
                           toml_type_name(toml_type(toml_at(v, i))));
        strv_add(into, toml_str(toml_at(v, i)));
    }
    return 0;
}

/* Strings of settings files: their owners keep them for the life of the process, and so does this. Read at start. */
static struct strv kept;

static int
set_from_toml(const struct table *t, const struct option_row *o, const struct toml *v,
              struct err *err)
{
    void *into = t->into + o->offset;
    auto_free char *text = NULL;

    switch (o->type) {
    case OPTION_FLAG:
        return toml_bool(v, into) ? 0 : wrong_type(v, "true or false", err);
    case OPTION_STR:
        if (!toml_str(v))
            return wrong_type(v, "a string", err);
        strv_add(&kept, toml_str(v));
        *(const char **) into = kept.items[kept.n - 1];
        return 0;
    case OPTION_STRV:
        return set_list(into, v, err);
    case OPTION_I64:
        return toml_int(v, into) ? 0 : wrong_type(v, "an integer", err);
    case OPTION_SIZE:
    case OPTION_DURATION:
    case OPTION_CALL:
        break;
    }
    text = scalar_text(v);
    if (!text)
        return wrong_type(v, "a string or an integer", err);
    return set_value(t, o, text, err);
}

int
options_read_file(const char *path, const struct option_row *rows, size_t n, void *into,
                  struct err *err)
{
    const struct table t = {.rows = rows, .n = n, .into = into};
    const struct option_row *o, *hint;
    auto_free char *text = NULL;
    AUTO_PTR(toml) doc = NULL;
    const struct toml *v;
    const char *key;
    size_t len;
    int r;

    r = fd_read_file_at(AT_FDCWD, path, TOML_SIZE_MAX, &text, &len, err);
    if (r < 0)
        return r;
    r = toml_parse(text, len, &doc, err);
    if (r < 0)
        return err_wrap(err, r, "%s", path);
    for (size_t i = 0; i < toml_len(doc); i++) {
        v = toml_at(doc, i);
        key = toml_key(v);
        o = find_key(&t, key);
        if (!o) {
            hint = nearest(&t, key, strlen(key));
            return err_set(err, CODE_INVALID_ARGUMENT, "%s: line %d: unknown setting '%.64s'%s%s%s",
                           path, toml_line(v), key, hint ? "; did you mean '" : "",
                           hint ? hint->name : "", hint ? "'?" : "");
        }
        r = set_from_toml(&t, o, v, err);
        if (r < 0)
            return err_wrap(err, r, "%s: line %d: '%s'", path, toml_line(v), key);
    }
    return 0;
}

void
options_done(const struct option_row *rows, size_t n, void *into)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].type == OPTION_STRV)
            strv_done((struct strv *) ((char *) into + rows[i].offset));
}
