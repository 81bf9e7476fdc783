/* SPDX-License-Identifier: Apache-2.0 */
/* What containerd's configuration file must say to use Ross. */
#pragma once

#include <stdbool.h>

#include "libross/base/err.h"
#include "libross/base/strv.h"

#define CD_NAME                                                                                    \
    "ross" /* of the snapshotter, the runtime handler, and the beginning of the others */

struct cd_want {
    int major, minor;                          /* of containerd */
    const char *snapshotter_address;           /* sockets */
    const char *content_address;               /* of the plain store */
    const char *snapshots_root;                /* where the snapshots' directories are */
    const char *platform;                      /* "linux/amd64" */
    bool content;                              /* our content store in place of containerd's own */
    bool differ;                               /* our Diff service too */
    bool cri;                                  /* a runtime handler for Kubernetes */
    bool default_runtime, default_snapshotter; /* of CRI */
};

/* The version of containerd from what `containerd --version` prints; InvalidArgument when there is none. */
int cd_version_parse(const char *text, int *ret_major, int *ret_minor, struct err *err);

/*
 * The file with everything that `want` asks for, in parts that cd_text_strip() takes away.
 *   text  without such parts; NULL = there is no file
 * Values of others stay as they are but for those that the options name; what comes out is read again and compared
 * with what went in. FailedPrecondition: the file says something that contradicts, and what; InvalidArgument: it is
 * no TOML. Pure.
 */
int cd_plan(const char *text, const struct cd_want *want, char **ret, struct err *err);

/*
 * The same as a file of its own, which a file `text` imports; all that cd_plan() would append. *ret is NULL when `text`
 * or one of `others` (texts of the other imported files) has a say in the same sections: then it must be cd_plan().
 */
int cd_plan_import(const char *text, const struct strv *others, const struct cd_want *want,
                   char **ret, struct err *err);

/* Whether the file names a proxy plugin of ours, by whoever's hand. */
bool cd_plan_is_configured(const char *text);
