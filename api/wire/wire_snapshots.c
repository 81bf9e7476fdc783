/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of the Snapshots service ↔ values of the snapshots contract. */
#include "services/snapshots/v1/snapshots.pb-c.h"

#include "api/wire/wire_snapshots.h"

_Static_assert((int) SNAPSHOT_VIEW == CONTAINERD__SERVICES__SNAPSHOTS__V1__KIND__VIEW &&
                   (int) SNAPSHOT_ACTIVE == CONTAINERD__SERVICES__SNAPSHOTS__V1__KIND__ACTIVE &&
                   (int) SNAPSHOT_COMMITTED == CONTAINERD__SERVICES__SNAPSHOTS__V1__KIND__COMMITTED,
               "kinds have the numbers of the API");

struct Containerd__Services__Snapshots__V1__Info *
wire_snapshot_info_to(struct arena *a, const struct snapshot_info *i)
{
    Containerd__Services__Snapshots__V1__Info *m =
        wire_new(a, &containerd__services__snapshots__v1__info__descriptor);

    m->name = i->name;
    m->parent = i->parent;
    m->kind = (Containerd__Services__Snapshots__V1__Kind) i->kind;
    m->created_at = wire_time_to(a, i->created_ns);
    m->updated_at = wire_time_to(a, i->updated_ns);
    m->labels = (Containerd__Services__Snapshots__V1__Info__LabelsEntry **) wire_labels_to(
        a, &i->labels, &containerd__services__snapshots__v1__info__labels_entry__descriptor,
        &m->n_labels);
    return m;
}

int
wire_snapshot_info_from(const struct Containerd__Services__Snapshots__V1__Info *m,
                        struct snapshot_info *ret, struct err *err)
{
    struct snapshot_info i = {0};
    int r, kind;

    if (m) {
        r = wire_labels_from(m->labels, m->n_labels, &i.labels, err);
        if (r < 0)
            return r;
        kind = (int) m->kind;
        if (kind >= SNAPSHOT_VIEW && kind <= SNAPSHOT_COMMITTED)
            i.kind = (enum snapshot_kind) kind;
        i.created_ns = wire_time_from(m->created_at);
        i.updated_ns = wire_time_from(m->updated_at);
    }
    i.name = xstrdup(m ? wire_str(m->name) : "");
    i.parent = xstrdup(m ? wire_str(m->parent) : "");
    *ret = i;
    return 0;
}
