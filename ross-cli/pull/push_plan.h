/* SPDX-License-Identifier: Apache-2.0 */
/* What of an image must go to a registry, in order. Inside pull/ only. */
#pragma once

#include "libross/contract/content.h"
#include "libross/oci/oci_desc.h"

#define PLAN_BLOBS_MAX 20000

struct push_blob {
    struct oci_desc desc;
    char *
        mount_from; /* another repository of the target's registry that has it; NULL = none known */
};

struct push_plan {
    struct oci_desc target;  /* what the tag shall name */
    struct push_blob *blobs; /* configs and layers, each once */
    size_t n_blobs;
    struct oci_desc *manifests; /* each after those that it refers to; the target is the last */
    size_t n_manifests;
};
void push_plan_done(struct push_plan *p);

/*
 * host, repository: of the target, to find mounts in the labels of blobs.
 * platform: as in push_options
 */
int push_plan_make(struct content *content, const struct call_ctx *ctx,
                   const struct oci_desc *target, const char *host, const char *repository,
                   const struct oci_platform *platform, struct push_plan *ret, struct err *err);
