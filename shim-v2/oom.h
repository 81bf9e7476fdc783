/* SPDX-License-Identifier: Apache-2.0 */
/* Notices that the kernel killed processes of a container for want of memory (reference 4.3). */
#pragma once

#include "libross/base/loop.h"

struct oom_watch;

/*
 * cgroup: the text of /proc/PID/cgroup. fn(arg) is called from the loop (or from oom_check) for each notice.
 * Without a memory cgroup: FailedPrecondition.
 */
int oom_watch_new(struct loop *loop, const char *cgroup, void (*fn)(void *arg), void *arg,
                  struct oom_watch **ret, struct err *err);
/* The same for a memory cgroup's directory (tests have recorded ones). */
int oom_watch_dir(struct loop *loop, const char *dir, bool unified, void (*fn)(void *arg),
                  void *arg, struct oom_watch **ret, struct err *err);
/* Looks once more, now: before an exit is told. NULL is fine. */
void oom_check(struct oom_watch *w);
void oom_watch_free(struct oom_watch *w); /* NULL is fine */
