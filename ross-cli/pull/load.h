/* SPDX-License-Identifier: Apache-2.0 */
/* Images from files: OCI layouts (directory or tar), docker archives, root file systems. */
#pragma once

#include "ross-cli/pull/pull.h"

#define LOAD_IMAGES_MAX 256 /* in one archive */

/* For an archive of a root file system, which becomes an image of one layer. */
struct load_tree {
    const struct strv *changes; /* see oci_config_change.h */
    const char *message;        /* of the image's history; NULL = a usual one */
};

struct load_options {
    int fd; /* of the directory or archive, read from the start, borrowed; archives may be a pipe */
    const char *what; /* its name for messages */
    const char *
        name; /* for an image that has no name of its own, or instead of the only one; NULL = required from the file */
    const struct oci_platform *platform; /* NULL = this machine */
    const struct load_tree *tree;        /* NULL = such an archive is refused; it needs a name */
    pull_event_fn on_event;
    void *on_event_arg;
    const atomic_bool *cancelled;
};

/* Called for each image that has its record. Return 0 to go on. */
typedef int (*load_image_fn)(const struct pull_result *image, void *arg);

/* InvalidArgument when the file is neither, DataLoss when a blob is not what its digest says. */
int load_images(const struct pull_services *svc, const struct load_options *opt,
                load_image_fn on_image, void *arg, struct err *err);
