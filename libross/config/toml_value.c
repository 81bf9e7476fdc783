/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of a TOML document: looking into it, making and releasing it. */
#include <string.h>

#include "libross/config/toml_parts.h"

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

struct toml *
toml_find_own(const struct toml *table, const char *key)
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
    return toml_find_own(table, key);
}

const struct toml *
toml_find_path(const struct toml *table, const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        table = toml_find_own(table, keys[i]);
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

struct toml *
toml_value_new(const struct toml_parser *ps, enum toml_type type)
{
    struct toml *v = xcalloc(1, sizeof *v);

    v->type = type;
    v->line = ps->line;
    return v;
}

/* Takes v and key (NULL in arrays). */
int
toml_add(struct toml_parser *ps, struct toml *to, char *key, struct toml *v)
{
    v->key = key;
    if (to->n == TOML_ITEMS_MAX) {
        toml_free(v);
        return toml_bad(ps, "more than %d items in one table or array", TOML_ITEMS_MAX);
    }
    if ((to->n & (to->n + 1)) == 0)
        to->items = xreallocarray(to->items, 2 * (to->n + 1), sizeof(struct toml *));
    to->items[to->n++] = v;
    return 0;
}
