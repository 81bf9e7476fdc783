/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image indexes and manifests, OCI's and docker's schema 2 (image-spec image-index.md, manifest.md): from bounded
 * bytes to values and back. A document that could be read as both an index and a manifest is refused
 * (CVE-2021-41190), so is docker's schema 1.
 */
#pragma once

#include "libross/oci/media_type.h"
#include "libross/oci/oci_desc.h"

#define MANIFEST_SIZE_MAX   (4 * 1024 * 1024) /* what registries accept at most */
#define LAYERS_MAX          500
#define INDEX_ENTRIES_MAX   1000
#define OCI_INDEX_DEPTH_MAX 4 /* indexes in indexes */

struct oci_index {
    char *media_type; /* never NULL in a parsed one */
    char *artifact_type;
    struct oci_desc *manifests; /* n of them; malloc'ed */
    size_t n;
    struct labels annotations;
    struct oci_desc subject; /* media_type NULL when absent */
};

struct oci_manifest {
    char *media_type;
    char *artifact_type;
    struct oci_desc config;
    struct oci_desc *layers; /* base first */
    size_t n_layers;
    struct labels annotations;
    struct oci_desc subject; /* media_type NULL when absent */
};

/*
 * Which of the two a document is. `media_type` is what its descriptor or the Content-Type said (NULL or an unspecific
 * type such as application/json when nothing did).
 * InvalidArgument: neither, both, schema 1, or not what media_type says.
 */
int oci_document_kind(const void *p, size_t n, const char *media_type, enum media_kind *ret,
                      struct err *err);

/*
 * media_type as above; a document without mediaType of its own takes it over (else OCI's). InvalidArgument.
 */
int oci_index_parse(const void *p, size_t n, const char *media_type, struct oci_index *ret,
                    struct err *err);
int oci_manifest_parse(const void *p, size_t n, const char *media_type, struct oci_manifest *ret,
                       struct err *err);

/* Compact JSON, malloc'ed; the bytes that are to be stored and hashed. */
char *oci_index_format(const struct oci_index *index, size_t *ret_len);
char *oci_manifest_format(const struct oci_manifest *m, size_t *ret_len);

/*
 * The entry that suits the platform best (see platform_rank), the first of equals; entries that are no image
 * (attestations, unknown types) do not take part. NULL when none does.
 */
const struct oci_desc *oci_index_choose(const struct oci_index *index,
                                        const struct oci_platform *want);

void oci_index_done(struct oci_index *index);
void oci_manifest_done(struct oci_manifest *m);
