/* SPDX-License-Identifier: Apache-2.0 */
/* google.protobuf.Any ↔ typed bytes. */
#include "google/protobuf/any.pb-c.h"

#include "api/wire/wire.h"

struct Google__Protobuf__Any *
wire_any_to(struct arena *a, const struct any_value *v)
{
    Google__Protobuf__Any *m;

    if (!v->type_url)
        return NULL;
    m = wire_new(a, &google__protobuf__any__descriptor);
    m->type_url = wire_str_to(a, v->type_url);
    m->value.data = arena_memdup(a, v->value, v->n);
    m->value.len = v->n;
    return m;
}

struct any_value
wire_any_from(const struct Google__Protobuf__Any *m)
{
    if (!m)
        return (struct any_value){0};
    return any_value_make(wire_str(m->type_url), m->value.data, m->value.len);
}
