/* SPDX-License-Identifier: Apache-2.0 */
#include "cd_leaves.h"

#include <inttypes.h>
#include <string.h>

static void
put_value(const struct toml *v, const char *path, struct strv *ret)
{
    int64_t i = 0;
    double f = 0;
    bool b = false;

    switch (toml_type(v)) {
    case TOML_STR:
        strv_printf(ret, "%s= \"%s\"", path, toml_str(v));
        break;
    case TOML_INT:
        (void) toml_int(v, &i);
        strv_printf(ret, "%s= %" PRId64, path, i);
        break;
    case TOML_FLOAT:
        (void) toml_float(v, &f);
        strv_printf(ret, "%s= %a", path, f);
        break;
    case TOML_BOOL:
        (void) toml_bool(v, &b);
        strv_printf(ret, "%s= %s", path, b ? "true" : "false");
        break;
    case TOML_DATE:
        strv_printf(ret, "%s= %s", path, toml_date(v));
        break;
    case TOML_ARRAY:
    case TOML_TABLE:
        break;
    }
}

/* At most TOML_DEPTH_MAX deep. */
static void
put_tree(const struct toml *v, const char *path, struct strv *ret)
{
    bool is_array = toml_type(v) == TOML_ARRAY;

    if (!is_array && toml_type(v) != TOML_TABLE) {
        put_value(v, path, ret);
        return;
    }
    for (size_t i = 0; i < toml_len(v); i++) {
        const struct toml *item = toml_at(v, i);
        auto_free char *below = is_array ? xasprintf("%s#%zu" CD_LEAVES_SEP, path, i)
                                         : xasprintf("%s%s" CD_LEAVES_SEP, path, toml_key(item));

        put_tree(item, below, ret);
    }
}

void
cd_leaves(const struct toml *root, struct strv *ret)
{
    put_tree(root, "", ret);
    strv_sort(ret);
}

static bool
is_excepted(const char *leaf, const struct strv *except)
{
    for (size_t i = 0; i < except->n; i++)
        if (strncmp(leaf, except->items[i], strlen(except->items[i])) == 0)
            return true;
    return false;
}

bool
cd_leaves_same(const struct strv *a, const struct strv *b, const struct strv *except)
{
    size_t i = 0, k = 0;

    for (;; i++, k++) {
        while (i < a->n && is_excepted(a->items[i], except))
            i++;
        while (k < b->n && is_excepted(b->items[k], except))
            k++;
        if (i == a->n || k == b->n)
            return i == a->n && k == b->n;
        if (strcmp(a->items[i], b->items[k]) != 0)
            return false;
    }
}
