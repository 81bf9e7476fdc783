/* SPDX-License-Identifier: Apache-2.0 */
/* What is mounted where: /proc/self/mountinfo (proc_pid_mountinfo(5)). */
#pragma once

#include <stdbool.h>

#include "libross/base/err.h"
#include "libross/base/strv.h"

#define MOUNTINFO_LINE_MAX (1 << 20)

/* One line; the strings point into it. */
struct mountinfo {
    int id, parent_id;
    unsigned dev_major, dev_minor;
    const char *root;          /* what of the filesystem is mounted, unescaped */
    const char *target;        /* where, unescaped */
    const char *options;       /* of this mount: "rw,nosuid" */
    const char *type;          /* "overlay", "fuse.sshfs" */
    const char *source;        /* unescaped */
    const char *super_options; /* of the filesystem */
    bool shared;               /* propagates to a peer group */
};

/* Parses one line without its newline, in place. InvalidArgument when it is no such line. Pure. */
int mountinfo_parse_line(char *line, struct mountinfo *ret, struct err *err);

/*
 * Calls fn for every mount that this process sees, in the kernel's order; stops when it returns non-zero, returns
 * that.
 */
int mountinfo_each(int (*fn)(const struct mountinfo *m, void *arg), void *arg, struct err *err);

/*
 * Appends the mount points at `path` and below it (whole components; as often as something is mounted there), the
 * deepest first. `path` is absolute and free of symlinks.
 */
int mountinfo_below(const char *path, struct strv *ret, struct err *err);
