/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image references as people type them and as they are stored: "alpine" is docker.io/library/alpine:latest. The grammar
 * and the normalisation are those of the distribution project's reference package, which docker, containerd and podman
 * share.
 */
#pragma once

#include "libross/oci/digest.h"

#define OCI_REF_MAX      1024 /* bytes of a whole reference */
#define OCI_REF_PATH_MAX 255  /* bytes of the repository's path */
#define OCI_REF_TAG_MAX  128

#define OCI_REF_DEFAULT_DOMAIN "docker.io"
#define OCI_REF_DEFAULT_TAG    "latest"

struct oci_ref {
    char
        *domain; /* "docker.io", "localhost:5000", "[::1]:5000"; never NULL in a parsed reference */
    char *path;  /* "library/alpine" */
    char *tag;   /* NULL when the reference has only a digest */
    struct digest digest; /* unset when it has none */
};

/*
 * Parses and normalises; a reference with neither tag nor digest gets the tag "latest". InvalidArgument, one sentence
 * that names the reference, when it is malformed.
 */
int oci_ref_parse(const char *s, struct oci_ref *ret, struct err *err);
/* The same without adding a tag: for names of repositories. */
int oci_ref_parse_name(const char *s, struct oci_ref *ret, struct err *err);

/* All malloc'ed. */
char *oci_ref_format(const struct oci_ref *ref); /* "docker.io/library/alpine:latest[@sha256:…]" */
char *oci_ref_repository(const struct oci_ref *ref); /* "docker.io/library/alpine" */
/* The shortest text that oci_ref_parse understands as the same: "alpine:latest". */
char *oci_ref_familiar(const struct oci_ref *ref);
/* The same without tag and digest: "alpine". */
char *oci_ref_familiar_name(const struct oci_ref *ref);

struct oci_ref oci_ref_clone(const struct oci_ref *ref);
void oci_ref_done(struct oci_ref *ref);
