/* SPDX-License-Identifier: Apache-2.0 */
/* Names in a layer that say what is gone (image-spec layer.md, "Whiteouts"). Pure. */
#pragma once

#define WHITEOUT_PREFIX      ".wh."
#define WHITEOUT_OPAQUE_NAME ".wh..wh..opq"

enum whiteout {
    WHITEOUT_NONE,    /* an ordinary name */
    WHITEOUT_NAME,    /* the target is gone */
    WHITEOUT_OPAQUE,  /* everything that lower layers have in this directory is gone */
    WHITEOUT_INVALID, /* a whiteout of "", "." or ".." */
};

/* What the last component of an entry's name means. ret_target (for WHITEOUT_NAME) points into name. */
enum whiteout whiteout_parse(const char *name, const char **ret_target);
