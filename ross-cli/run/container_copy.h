/* SPDX-License-Identifier: Apache-2.0 */
/* Files between a container and this machine. */
#pragma once

#include <stdbool.h>

#include "libross/contract/records.h"
#include "ross-cli/session/session.h"

struct container_copy {
    const struct container *container;
    const char *inside,
        *outside; /* paths; outside "-" is a tar archive on standard input or output */
    bool into;    /* outside → inside */
    bool archive; /* owners, setuid bits and capabilities are kept; else all is root's */
    bool follow;  /* a symlink as the source is what it points to */
};

/*
 * As cp -r: a directory goes below an existing one, unless it ends in "/."; a file replaces a file. Devices are left
 * out. No path inside is resolved but beneath the container's root, however its processes change it meanwhile.
 * NotFound, InvalidArgument when the two do not fit.
 */
int container_copy(struct session *s, const struct container_copy *how, struct err *err);

/* "NAME:PATH" in two pieces, malloc'ed; false for a path of this machine. */
bool container_copy_parse(const char *word, char **ret_name, char **ret_path);
