/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors (image-spec descriptor.md): what points at a blob. One of the five currencies. */
#pragma once

#include "libross/base/labels.h"
#include "libross/oci/digest.h"

struct oci_platform {
    char *os, *architecture, *variant, *os_version; /* NULL when absent */
};
void oci_platform_done(struct oci_platform *p);

struct oci_desc {
    char *media_type; /* never NULL in a parsed descriptor */
    struct digest digest;
    int64_t size_bytes;
    struct labels annotations;    /* empty values allowed */
    struct oci_platform platform; /* all NULL when absent */
    char *artifact_type;          /* NULL when absent */
};

struct oci_desc oci_desc_clone(const struct oci_desc *d);
void oci_desc_done(struct oci_desc *d);
