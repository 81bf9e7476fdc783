/* SPDX-License-Identifier: Apache-2.0 */
/* Images of the store as one tar (an OCI layout, an archive for `docker load`, or both), or as a directory. */
#pragma once

#include "ross-cli/pull/pull.h"

enum save_format {
    SAVE_BOTH,
    SAVE_OCI,     /* no manifest.json */
    SAVE_OCI_DIR, /* the same as files of a directory */
    SAVE_DOCKER,  /* no index.json: who reads both would take that one */
};

struct save_options {
    enum save_format format;
    int fd; /* where the tar goes, a file or a pipe; or the directory, an empty one; borrowed */
    const struct strv *images; /* names of records, as typed */
    const struct oci_platform
        *platform; /* only this one's manifest; NULL = all that an index has here */
    const atomic_bool *cancelled;
};

/*
 * NotFound when an image or a blob of it is not in the store. What was written before an error is no whole archive or
 * layout.
 */
int save_images(const struct pull_services *svc, const struct save_options *opt, struct err *err);
