/* SPDX-License-Identifier: Apache-2.0 */
/* Which OCI runtime runs a container here (map, decision 13). */
#pragma once

#include <stdbool.h>

#include "libross/base/err.h"

/*
 * asked     --runtime: a name on PATH or an absolute path; NULL = crun when it is installed and works on this
 *           host, else
 *           runc
 * *ret_path absolute path, malloc'ed
 * *ret_why  when crun is installed but cannot work here: the reason, malloc'ed, else NULL
 *
 * NotFound naming what to install.
 */
int runtime_pick(const char *asked, char **ret_path, char **ret_why, struct err *err);

/* Does the runtime at this path know mounts with mapped ids (crun; runc from 1.2 on)? All but crun are asked. */
bool runtime_can_idmap(const char *path);

/*
 * Why crun would refuse a host whose cgroup root is at `cgroup_root` ("/sys/fs/cgroup"); NULL when it would not.
 * crun drives either v2 or v1, not a hybrid that has left some controllers on its v2 mount. Static storage.
 */
const char *runtime_crun_objection(const char *cgroup_root);
