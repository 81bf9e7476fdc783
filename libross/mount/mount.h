/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts as values: what a snapshotter answers and a shim performs. One of the five currencies. */
#pragma once

#include "libross/base/strv.h"

struct mount {
    char *type; /* "bind", "overlay", … */
    char *source;
    char *target; /* sub-path below the rootfs, usually "" */
    struct strv options;
};

/* In the order in which they are performed. Zero-initialised is empty. */
struct mount_list {
    struct mount *items;
    size_t n;
};

/* Appends an empty mount; fill its fields (malloc'ed strings). Valid until the next add. */
struct mount *mount_list_add(struct mount_list *l, const char *type, const char *source);
struct mount_list mount_list_clone(const struct mount_list *l);
/* The value of the first option "KEY=value" of a mount, or NULL. Borrowed. */
const char *mount_option_find(const struct mount *m, const char *key);
void mount_list_done(struct mount_list *l);
