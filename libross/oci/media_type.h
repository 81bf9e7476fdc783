/* SPDX-License-Identifier: Apache-2.0 */
/* Media types of images (reference 10.2): what a descriptor points at and how it is packed, from one table. */
#pragma once

#include <stdbool.h>

enum media_kind {
    MEDIA_OTHER, /* anything not in the table: attestations, artifacts */
    MEDIA_INDEX,
    MEDIA_MANIFEST,
    MEDIA_CONFIG,
    MEDIA_LAYER,
    MEDIA_SCHEMA1, /* docker image manifest version 2 schema 1: known, refused */
};

enum media_compression {
    MEDIA_COMPRESSION_NONE,
    MEDIA_COMPRESSION_GZIP,
    MEDIA_COMPRESSION_ZSTD,
    MEDIA_COMPRESSION_UNKNOWN, /* docker's untyped diff.tar: look at the first bytes */
};

struct media_type {
    const char *name;
    enum media_kind kind;
    enum media_compression compression; /* of layers */
    bool docker;                        /* docker's name rather than OCI's */
    bool foreign;                       /* non-distributable layer: not pushed */
    const char *oci; /* the OCI type of the same thing; NULL when there is none */
};

#define MEDIA_OCI_INDEX         "application/vnd.oci.image.index.v1+json"
#define MEDIA_OCI_MANIFEST      "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_OCI_CONFIG        "application/vnd.oci.image.config.v1+json"
#define MEDIA_OCI_LAYER         "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_OCI_LAYER_GZIP    MEDIA_OCI_LAYER "+gzip"
#define MEDIA_OCI_LAYER_ZSTD    MEDIA_OCI_LAYER "+zstd"
#define MEDIA_OCI_EMPTY         "application/vnd.oci.empty.v1+json"
#define MEDIA_DOCKER_LIST       "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_DOCKER_MANIFEST   "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_DOCKER_CONFIG     "application/vnd.docker.container.image.v1+json"
#define MEDIA_DOCKER_LAYER      "application/vnd.docker.image.rootfs.diff.tar"
#define MEDIA_DOCKER_LAYER_GZIP MEDIA_DOCKER_LAYER ".gzip"

/*
 * The row of a type; parameters after ';' do not count, NULL and unknown names give a row of kind MEDIA_OTHER (never
 * NULL).
 */
const struct media_type *media_type_find(const char *name);
enum media_kind media_type_kind(const char *name);
/* Same type, parameters aside. */
bool media_type_equal(const char *a, const char *b);
/* The name of a layer type with this compression (not UNKNOWN), in docker's or OCI's words; NULL for docker + zstd. */
const char *media_type_layer(bool docker, enum media_compression compression);
const char *media_kind_name(enum media_kind kind); /* "an index", "a manifest" … for messages */
