/* SPDX-License-Identifier: Apache-2.0 */
/* Images, containers, leases and namespaces as messages. */
#include "wire_records.h"

#include <string.h>

#include "services/containers/v1/containers.pb-c.h"
#include "services/images/v1/images.pb-c.h"
#include "services/leases/v1/leases.pb-c.h"
#include "services/namespaces/v1/namespace.pb-c.h"

typedef Containerd__Services__Containers__V1__Container Container;
typedef Containerd__Services__Containers__V1__Container__Runtime Runtime;
typedef Containerd__Services__Containers__V1__Container__ExtensionsEntry Extension;

static int
missing(const char *what, struct err *err)
{
    return err_set(err, CODE_INVALID_ARGUMENT, "%s is missing", what);
}

struct Containerd__Services__Images__V1__Image *
wire_image_to(struct arena *a, const struct image *i)
{
    Containerd__Services__Images__V1__Image *m =
        wire_new(a, &containerd__services__images__v1__image__descriptor);

    m->name = wire_str_to(a, i->name);
    m->labels = wire_labels_to(a, &i->labels,
                               &containerd__services__images__v1__image__labels_entry__descriptor,
                               &m->n_labels);
    m->target = wire_desc_to(a, &i->target);
    m->created_at = wire_time_to(a, i->created_ns);
    m->updated_at = wire_time_to(a, i->updated_ns);
    return m;
}

int
wire_image_from(const struct Containerd__Services__Images__V1__Image *m, struct image *ret,
                struct err *err)
{
    AUTO(image) i = {0};
    int r;

    if (!m)
        return missing("image", err);
    r = wire_desc_from(m->target, &i.target, err);
    if (r < 0)
        return err_wrap(err, r, "image '%s'", wire_str(m->name));
    r = wire_labels_from(m->labels, m->n_labels, &i.labels, err);
    if (r < 0)
        return err_wrap(err, r, "image '%s'", wire_str(m->name));
    i.name = xstrdup(wire_str(m->name));
    i.created_ns = wire_time_from(m->created_at);
    i.updated_ns = wire_time_from(m->updated_at);
    *ret = TAKE_STRUCT(i);
    return 0;
}

static void
extensions_to(struct arena *a, const struct container *c, Container *m)
{
    m->n_extensions = c->n_extensions;
    if (!c->n_extensions)
        return;
    m->extensions = arena_alloc(a, c->n_extensions * sizeof(Extension *));
    for (size_t i = 0; i < c->n_extensions; i++) {
        Extension *e = wire_new(
            a, &containerd__services__containers__v1__container__extensions_entry__descriptor);

        e->key = wire_str_to(a, c->extensions[i].key);
        e->value = wire_any_to(a, &c->extensions[i].value);
        m->extensions[i] = e;
    }
}

struct Containerd__Services__Containers__V1__Container *
wire_container_to(struct arena *a, const struct container *c)
{
    Container *m = wire_new(a, &containerd__services__containers__v1__container__descriptor);

    m->id = wire_str_to(a, c->id);
    m->labels = wire_labels_to(
        a, &c->labels, &containerd__services__containers__v1__container__labels_entry__descriptor,
        &m->n_labels);
    m->image = wire_str_to(a, c->image);
    m->runtime = wire_new(a, &containerd__services__containers__v1__container__runtime__descriptor);
    m->runtime->name = wire_str_to(a, c->runtime_name);
    m->runtime->options = wire_any_to(a, &c->runtime_options);
    m->spec = wire_any_to(a, &c->spec);
    m->snapshotter = wire_str_to(a, c->snapshotter);
    m->snapshot_key = wire_str_to(a, c->snapshot_key);
    m->sandbox = wire_str_to(a, c->sandbox);
    m->created_at = wire_time_to(a, c->created_ns);
    m->updated_at = wire_time_to(a, c->updated_ns);
    extensions_to(a, c, m);
    return m;
}

/* A key given twice: the last one counts, as in every map. */
static void
extension_set(struct container *c, const Extension *e)
{
    const char *key = wire_str(e->key);

    for (size_t i = 0; i < c->n_extensions; i++) {
        if (!strcmp(c->extensions[i].key, key)) {
            any_value_done(&c->extensions[i].value);
            c->extensions[i].value = wire_any_from(e->value);
            return;
        }
    }
    c->extensions[c->n_extensions++] =
        (struct container_extension){.key = xstrdup(key), .value = wire_any_from(e->value)};
}

static int
extensions_from(const Container *m, struct container *c, struct err *err)
{
    if (m->n_extensions > WIRE_LABELS_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "%zu extensions are more than the limit of %d",
                       m->n_extensions, WIRE_LABELS_MAX);
    if (!m->n_extensions)
        return 0;
    c->extensions = xcalloc(m->n_extensions, sizeof *c->extensions);
    for (size_t i = 0; i < m->n_extensions; i++)
        extension_set(c, m->extensions[i]);
    return 0;
}

int
wire_container_from(const struct Containerd__Services__Containers__V1__Container *m,
                    struct container *ret, struct err *err)
{
    AUTO(container) c = {0};
    int r;

    if (!m)
        return missing("container", err);
    r = wire_labels_from(m->labels, m->n_labels, &c.labels, err);
    if (r == 0)
        r = extensions_from(m, &c, err);
    if (r < 0)
        return err_wrap(err, r, "container '%s'", wire_str(m->id));
    c.id = xstrdup(wire_str(m->id));
    c.image = xstrdup(wire_str(m->image));
    c.runtime_name = xstrdup(m->runtime ? wire_str(m->runtime->name) : "");
    if (m->runtime)
        c.runtime_options = wire_any_from(m->runtime->options);
    c.spec = wire_any_from(m->spec);
    c.snapshotter = xstrdup(wire_str(m->snapshotter));
    c.snapshot_key = xstrdup(wire_str(m->snapshot_key));
    c.sandbox = xstrdup(wire_str(m->sandbox));
    c.created_ns = wire_time_from(m->created_at);
    c.updated_ns = wire_time_from(m->updated_at);
    *ret = TAKE_STRUCT(c);
    return 0;
}

struct Containerd__Services__Leases__V1__Lease *
wire_lease_to(struct arena *a, const struct lease *l)
{
    Containerd__Services__Leases__V1__Lease *m =
        wire_new(a, &containerd__services__leases__v1__lease__descriptor);

    m->id = wire_str_to(a, l->id);
    m->created_at = wire_time_to(a, l->created_ns);
    m->labels = wire_labels_to(a, &l->labels,
                               &containerd__services__leases__v1__lease__labels_entry__descriptor,
                               &m->n_labels);
    return m;
}

int
wire_lease_from(const struct Containerd__Services__Leases__V1__Lease *m, struct lease *ret,
                struct err *err)
{
    AUTO(lease) l = {0};
    int r;

    if (!m)
        return missing("lease", err);
    r = wire_labels_from(m->labels, m->n_labels, &l.labels, err);
    if (r < 0)
        return r;
    l.id = xstrdup(wire_str(m->id));
    l.created_ns = wire_time_from(m->created_at);
    *ret = TAKE_STRUCT(l);
    return 0;
}

struct Containerd__Services__Namespaces__V1__Namespace *
wire_namespace_to(struct arena *a, const struct namespace_ *n)
{
    Containerd__Services__Namespaces__V1__Namespace *m =
        wire_new(a, &containerd__services__namespaces__v1__namespace__descriptor);

    m->name = wire_str_to(a, n->name);
    m->labels = wire_labels_to(
        a, &n->labels, &containerd__services__namespaces__v1__namespace__labels_entry__descriptor,
        &m->n_labels);
    return m;
}

int
wire_namespace_from(const struct Containerd__Services__Namespaces__V1__Namespace *m,
                    struct namespace_ *ret, struct err *err)
{
    AUTO(namespace_) n = {0};
    int r;

    if (!m)
        return missing("namespace", err);
    r = wire_labels_from(m->labels, m->n_labels, &n.labels, err);
    if (r < 0)
        return r;
    n.name = xstrdup(wire_str(m->name));
    *ret = TAKE_STRUCT(n);
    return 0;
}
