/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the snapshots contract. */
#include "snapshots.h"

void
snapshot_info_done(struct snapshot_info *i)
{
    free(i->name);
    free(i->parent);
    labels_done(&i->labels);
    *i = (struct snapshot_info){0};
}
