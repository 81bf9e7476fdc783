/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces that outlive their maker: files on which they are mounted. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "libross/base/err.h"

/*
 * A new namespace with its loopback interface up, mounted on the file `path`, which is made and must not exist.
 *   no_dad  IPv6 addresses given later are usable at once (nobody else can have them on our own bridges)
 */
int netns_make(const char *path, bool no_dad, struct err *err);
/*
 * The same, owned by a new user namespace, which is mounted on the file `owner_path`: whoever joins that is root in it.
 *   idmap_uid, idmap_gid   its maps, "C:H:S"
 */
int netns_make_owned(const char *path, bool no_dad, const char *owner_path, const char *idmap_uid,
                     const char *idmap_gid, struct err *err);
/* The namespace of process `pid`, mounted likewise. NotFound when there is no such process. */
int netns_share(const char *path, pid_t pid, struct err *err);
/* Unmounts and removes such a file; one that is gone is fine. */
int netns_remove(const char *path, struct err *err);
