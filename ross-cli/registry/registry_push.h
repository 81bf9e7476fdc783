/* SPDX-License-Identifier: Apache-2.0 */
/* The writing half of the client. Codes and threads as in registry.h. */
#pragma once

#include "ross-cli/registry/registry.h"

/* Pieces of a blob: the length, 0 at the end, negative code. `seek` comes before the first, and for another try. */
struct registry_source {
    ssize_t (*next)(void *arg, const void **ret_piece, struct err *err);
    int (*seek)(void *arg, int64_t offset, struct err *err);
    void *arg;
};

struct registry_push_options {
    const char
        *mount_from; /* repository of the same registry that has the blob, say; NULL = none known */
    int64_t
        chunk_bytes; /* send in pieces of so many bytes; 0 = in one, in chunks when the registry wants that */
};

enum registry_pushed { PUSHED_NOW, PUSHED_BEFORE, PUSHED_BY_MOUNT };

/* Puts a blob into the repository of `ref` unless it is there, or can be mounted there. */
int registry_blob_push(struct registry *r, const struct oci_ref *ref, const struct oci_desc *desc,
                       const struct registry_push_options *opt,
                       const struct registry_source *source, enum registry_pushed *ret,
                       struct err *err);
/*
 * Puts an index or manifest, after everything that it refers to.
 *   tag  also names it so; NULL = only by its digest
 */
int registry_manifest_push(struct registry *r, const struct oci_ref *ref,
                           const struct oci_desc *desc, const void *p, size_t n, const char *tag,
                           struct err *err);
