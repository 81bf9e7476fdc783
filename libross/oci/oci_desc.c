/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: copying and releasing them. */
#include "libross/oci/oci_desc.h"

static char *
str_clone(const char *s)
{
    return s ? xstrdup(s) : NULL;
}

void
oci_platform_done(struct oci_platform *p)
{
    free(p->os);
    free(p->architecture);
    free(p->variant);
    free(p->os_version);
    *p = (struct oci_platform){0};
}

struct oci_desc
oci_desc_clone(const struct oci_desc *d)
{
    return (struct oci_desc){
        .media_type = str_clone(d->media_type),
        .digest = d->digest,
        .size_bytes = d->size_bytes,
        .annotations = labels_clone(&d->annotations),
        .platform =
            {
                .os = str_clone(d->platform.os),
                .architecture = str_clone(d->platform.architecture),
                .variant = str_clone(d->platform.variant),
                .os_version = str_clone(d->platform.os_version),
            },
        .artifact_type = str_clone(d->artifact_type),
    };
}

void
oci_desc_done(struct oci_desc *d)
{
    free(d->media_type);
    free(d->artifact_type);
    labels_done(&d->annotations);
    oci_platform_done(&d->platform);
    *d = (struct oci_desc){0};
}
