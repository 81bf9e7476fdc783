/* SPDX-License-Identifier: Apache-2.0 */
/* containerd.types.Mount ↔ mount lists. */
#include "types/mount.pb-c.h"

#include "api/wire/wire.h"

struct Containerd__Types__Mount **
wire_mounts_to(struct arena *a, const struct mount_list *l, size_t *ret_n)
{
    Containerd__Types__Mount **items;

    *ret_n = l->n;
    if (!l->n)
        return NULL;
    items = arena_alloc(a, l->n * sizeof(Containerd__Types__Mount *));
    for (size_t i = 0; i < l->n; i++) {
        Containerd__Types__Mount *m = wire_new(a, &containerd__types__mount__descriptor);
        const struct mount *from = &l->items[i];

        m->type = wire_str_to(a, from->type);
        m->source = wire_str_to(a, from->source);
        m->target = wire_str_to(a, from->target);
        m->options = wire_strv_to(a, &from->options, &m->n_options);
        items[i] = m;
    }
    return items;
}

struct mount_list
wire_mounts_from(struct Containerd__Types__Mount *const *items, size_t n)
{
    struct mount_list l = {0};

    for (size_t i = 0; i < n; i++) {
        const Containerd__Types__Mount *from = items[i];
        struct mount *m = mount_list_add(&l, wire_str(from->type), wire_str(from->source));

        free(m->target);
        m->target = xstrdup(wire_str(from->target));
        strv_done(&m->options);
        m->options = wire_strv_from(from->options, from->n_options);
    }
    return l;
}
