/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the metadata services as values: images, containers, leases (reference section 11). */
#pragma once

#include <stdint.h>

#include "libross/base/labels.h"
#include "libross/oci/oci_desc.h"

/* A google.protobuf.Any: bytes under a type name. Zeroed is "absent". */
struct any_value {
    char *type_url; /* NULL when absent */
    void *value;
    size_t n;
};
struct any_value any_value_make(const char *type_url, const void *value, size_t n);
struct any_value any_value_clone(const struct any_value *a);
void any_value_done(struct any_value *a);

struct image {
    char *name;
    struct oci_desc target;
    struct labels labels;
    int64_t created_ns, updated_ns;
};
void image_done(struct image *i);

struct container_extension {
    char *key;
    struct any_value value;
};

struct container {
    char *id;
    char *image; /* "" when none */
    char *runtime_name;
    struct any_value runtime_options;
    struct any_value spec;            /* JSON of the OCI runtime spec */
    char *snapshotter, *snapshot_key; /* "" when none */
    char *sandbox;                    /* "" when none */
    struct labels labels;
    struct container_extension *extensions;
    size_t n_extensions;
    int64_t created_ns, updated_ns;
};
void container_done(struct container *c);

struct lease {
    char *id;
    struct labels labels;
    int64_t created_ns;
};
void lease_done(struct lease *l);

/* type: "content", "ingests", "images", "snapshots/NAME" (reference 11.3). */
struct lease_resource {
    char *id, *type;
};
void lease_resource_done(struct lease_resource *r);

struct namespace_ {
    char *name;
    struct labels labels;
};
void namespace__done(struct namespace_ *n);
