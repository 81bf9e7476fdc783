/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts as values. */
#include "mount.h"

#include <stdlib.h>
#include <string.h>

struct mount *
mount_list_add(struct mount_list *l, const char *type, const char *source)
{
    struct mount *m;

    l->items = xreallocarray(l->items, l->n + 1, sizeof *l->items);
    m = &l->items[l->n++];
    *m = (struct mount){.type = xstrdup(type), .source = xstrdup(source), .target = xstrdup("")};
    return m;
}

struct mount_list
mount_list_clone(const struct mount_list *l)
{
    struct mount_list copy = {0};
    struct mount *m;

    for (size_t i = 0; i < l->n; i++) {
        m = mount_list_add(&copy, l->items[i].type ? l->items[i].type : "",
                           l->items[i].source ? l->items[i].source : "");
        if (l->items[i].target && *l->items[i].target) {
            free(m->target);
            m->target = xstrdup(l->items[i].target);
        }
        m->options = strv_clone(&l->items[i].options);
    }
    return copy;
}

const char *
mount_option_find(const struct mount *m, const char *key)
{
    size_t len = strlen(key);

    for (size_t i = 0; i < m->options.n; i++)
        if (strncmp(m->options.items[i], key, len) == 0 && m->options.items[i][len] == '=')
            return m->options.items[i] + len + 1;
    return NULL;
}

void
mount_list_done(struct mount_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->items[i].type);
        free(l->items[i].source);
        free(l->items[i].target);
        strv_done(&l->items[i].options);
    }
    free(l->items);
    *l = (struct mount_list){0};
}
