/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the snapshots contract. */
#include "snapshots.h"

#include <string.h>

void
snapshot_info_done(struct snapshot_info *i)
{
    free(i->name);
    free(i->parent);
    labels_done(&i->labels);
    *i = (struct snapshot_info){0};
}

bool
snapshot_key_is_containerds(const char *key)
{
    const char *slash = strchr(key, '/');
    size_t digits;

    if (!slash || slash == key)
        return false;
    digits = strspn(slash + 1, "0123456789");
    return digits > 0 && slash[1 + digits] == '/';
}
