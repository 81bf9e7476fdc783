/* SPDX-License-Identifier: Apache-2.0 */
/* containerd.runc.v1.Options as an Any, for whoever creates tasks (reference 7.1). */
#include "runc_options.h"

#include <string.h>

#include "types/runc/options/oci.pb-c.h"

struct any_value
runc_options_make(const char *binary_name, const char *root)
{
    Containerd__Runc__V1__Options o = CONTAINERD__RUNC__V1__OPTIONS__INIT;
    auto_free unsigned char *bytes = NULL;

    if (binary_name)
        o.binary_name = (char *) binary_name;
    if (root)
        o.root = (char *) root;
    bytes = xmalloc(containerd__runc__v1__options__get_packed_size(&o));
    return any_value_make(containerd__runc__v1__options__descriptor.name, bytes,
                          containerd__runc__v1__options__pack(&o, bytes));
}

char *
runc_options_binary(const struct any_value *options)
{
    Containerd__Runc__V1__Options *o;
    char *binary;

    if (!options->type_url ||
        strcmp(options->type_url, containerd__runc__v1__options__descriptor.name) != 0)
        return NULL;
    o = containerd__runc__v1__options__unpack(NULL, options->n, (const uint8_t *) options->value);
    binary = o && o->binary_name && *o->binary_name ? xstrdup(o->binary_name) : NULL;
    if (o)
        containerd__runc__v1__options__free_unpacked(o, NULL);
    return binary;
}
