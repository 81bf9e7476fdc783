/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The labels that a pull leaves on blobs so that garbage collection keeps an image whole (reference 11.5, 11.6),
 * and the names of its ingests. Pure.
 */
#pragma once

#include <stddef.h>

#include "libross/base/labels.h"
#include "libross/oci/oci_desc.h"

#define GC_LABEL_ROOT         "containerd.io/gc.root"
#define GC_LABEL_EXPIRE       "containerd.io/gc.expire"
#define GC_LABEL_FLAT         "containerd.io/gc.flat"
#define GC_LABEL_REF_CONTENT  "containerd.io/gc.ref.content"
#define GC_LABEL_REF_SNAPSHOT "containerd.io/gc.ref.snapshot"
#define GC_LABEL_REF_IMAGE    "containerd.io/gc.ref.image"
#define GC_LABEL_BREF         "containerd.io/gc.bref"
#define GC_LABEL_UNCOMPRESSED "containerd.io/uncompressed" /* on a layer: its diff id */
#define GC_LABEL_SOURCE       "containerd.io/distribution.source"

/*
 * Labels of an index or manifest for its children: "….m.N" for manifests, "….config", "….l.N" for layers, "….N"
 * for the rest; N counts each sort from 0 in the order given. For a manifest: the config, then the layers.
 */
void gc_labels_add_children(struct labels *l, const struct oci_desc *children, size_t n);
/* Label of a config for the snapshot of the image's top layer. */
void gc_labels_add_snapshot(struct labels *l, const char *snapshotter, const struct digest *chain);
/*
 * Notes that a blob can be had from `repository` ("library/alpine") of registry `host`: a sorted list without
 * duplicates per host. A list that would outgrow LABEL_SIZE_MAX stays as it is.
 */
void gc_labels_add_source(struct labels *l, const char *host, const char *repository);

/* "layer-sha256:…", "manifest-…", "index-…", "config-…", "attestation-…", else "unknown-…"; malloc'ed. */
char *gc_ingest_ref(const struct oci_desc *d);
