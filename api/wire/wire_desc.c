/* SPDX-License-Identifier: Apache-2.0 */
/* containerd.types.Descriptor ↔ descriptors. */
#include "types/descriptor.pb-c.h"

#include "api/wire/wire.h"

struct Containerd__Types__Descriptor *
wire_desc_to(struct arena *a, const struct oci_desc *d)
{
    Containerd__Types__Descriptor *m = wire_new(a, &containerd__types__descriptor__descriptor);
    char shown[DIGEST_STR_MAX];

    m->media_type = wire_str_to(a, d->media_type);
    m->digest = arena_strdup(a, digest_format(&d->digest, shown));
    m->size = d->size_bytes;
    m->annotations = wire_labels_to(a, &d->annotations,
                                    &containerd__types__descriptor__annotations_entry__descriptor,
                                    &m->n_annotations);
    return m;
}

int
wire_desc_from(const struct Containerd__Types__Descriptor *m, struct oci_desc *ret, struct err *err)
{
    AUTO(oci_desc) d = {0};
    int r;

    d.media_type = xstrdup(m ? wire_str(m->media_type) : "");
    if (m) {
        if (*wire_str(m->digest)) {
            r = digest_parse(m->digest, &d.digest, err);
            if (r < 0)
                return err_wrap(err, r, "descriptor");
        }
        if (m->size < 0)
            return err_set(err, CODE_INVALID_ARGUMENT, "descriptor: size %lld is negative",
                           (long long) m->size);
        d.size_bytes = m->size;
        r = wire_map_from(m->annotations, m->n_annotations, &d.annotations, err);
        if (r < 0)
            return err_wrap(err, r, "annotations of the descriptor");
    }
    *ret = TAKE_STRUCT(d);
    return 0;
}
