/* SPDX-License-Identifier: Apache-2.0 */
/* Field masks of Update methods. */
#include "field_mask.h"

#include <string.h>

const char *
field_mask_key(const char *path, const char *map)
{
    size_t n = strlen(map);

    return !strncmp(path, map, n) && path[n] == '.' && path[n + 1] ? path + n + 1 : NULL;
}

void
field_mask_copy_key(struct labels *to, const struct labels *from, const char *key)
{
    const char *value = labels_find(from, key);

    if (value)
        labels_set_raw(to, key, value);
    else
        labels_del(to, key);
}

void
field_mask_copy_map(struct labels *to, const struct labels *from)
{
    struct labels copy = labels_clone(from);

    labels_done(to);
    *to = copy;
}

int
field_mask_refuse(const char *path, const char *what, struct err *err)
{
    return err_set(err, CODE_INVALID_ARGUMENT,
                   "cannot update field '%.100s' of %s: invalid argument", path, what);
}
