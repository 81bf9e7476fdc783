/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in a registry: tags, repositories, referrers; and whether a login works. Codes and threads as in
 * registry.h.
 */
#pragma once

#include "libross/oci/oci_manifest.h"
#include "ross-cli/registry/registry.h"

#define REGISTRY_NAMES_MAX     100000 /* of one list, over all its pages */
#define REGISTRY_REFERRERS_MAX 10000  /* likewise */

/* Tags of the repository of `ref`, in the registry's order; appended. */
int registry_tags(struct registry *r, const struct oci_ref *ref, struct strv *ret, struct err *err);
/* Repositories of a registry host, where it tells. */
int registry_catalog(struct registry *r, const char *host, struct strv *ret, struct err *err);
/*
 * Manifests that refer to `subject`: by the referrers API, else by the tag that stands in for it. An empty index
 * when there are none.
 */
int registry_referrers(struct registry *r, const struct oci_ref *ref, const struct digest *subject,
                       struct oci_index *ret, struct err *err);
/* Asks for the API root with the registry's credentials: Unauthenticated when they are not right. */
int registry_ping(struct registry *r, const char *host, struct err *err);
