/* SPDX-License-Identifier: Apache-2.0 */
/* Names of archive entries: cleaned, relative to the root, split. Pure. */
#pragma once

#include "libross/archive/tar_limits.h"
#include "libross/base/err.h"
#include "libross/base/mem.h"

/* Both point into `text`; a name that is the root itself has an empty base. Zeroed is empty. */
struct tar_name {
    char *text;
    size_t cap;
    const char *parent; /* "" for the root, else "a/b" without "." or ".." */
    const char *base;
};

/*
 * Takes "//", "." and inner ".." out (as Go's path.Clean: before any symlink is looked at) and a leading "/", which
 * means the root. InvalidArgument when ".." leads out of the root or a component is longer than a file name can be;
 * ResourceExhausted beyond the limits. The memory of `ret` is reused.
 */
int tar_name_split(const char *name, const struct tar_limits *limits, struct tar_name *ret,
                   struct err *err);
void tar_name_done(struct tar_name *n);

/* For messages: cut, and with unprintable bytes shown as \xHH. Returns buf. */
#define TAR_NAME_SHOWN_MAX 160
char *tar_name_show(const char *name, char buf[static TAR_NAME_SHOWN_MAX]);
