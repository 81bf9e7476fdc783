/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the metadata services as values: images, containers, leases (reference section 11). */
#include "records.h"

#include <string.h>

struct any_value
any_value_make(const char *type_url, const void *value, size_t n)
{
    struct any_value a = {.type_url = xstrdup(type_url), .value = xmalloc(n), .n = n};

    if (n)
        memcpy(a.value, value, n);
    return a;
}

struct any_value
any_value_clone(const struct any_value *a)
{
    if (!a->type_url)
        return (struct any_value){0};
    return any_value_make(a->type_url, a->value, a->n);
}

void
any_value_done(struct any_value *a)
{
    free(a->type_url);
    free(a->value);
    *a = (struct any_value){0};
}

void
image_done(struct image *i)
{
    free(i->name);
    oci_desc_done(&i->target);
    labels_done(&i->labels);
    *i = (struct image){0};
}

void
container_done(struct container *c)
{
    free(c->id);
    free(c->image);
    free(c->runtime_name);
    any_value_done(&c->runtime_options);
    any_value_done(&c->spec);
    free(c->snapshotter);
    free(c->snapshot_key);
    free(c->sandbox);
    labels_done(&c->labels);
    for (size_t i = 0; i < c->n_extensions; i++) {
        free(c->extensions[i].key);
        any_value_done(&c->extensions[i].value);
    }
    free(c->extensions);
    *c = (struct container){0};
}

void
lease_done(struct lease *l)
{
    free(l->id);
    labels_done(&l->labels);
    *l = (struct lease){0};
}

void
lease_resource_done(struct lease_resource *r)
{
    free(r->id);
    free(r->type);
    *r = (struct lease_resource){0};
}

void
namespace__done(struct namespace_ *n)
{
    free(n->name);
    labels_done(&n->labels);
    *n = (struct namespace_){0};
}
