/* SPDX-License-Identifier: Apache-2.0 */
/* Moving a process between cgroups is slow only when nobody has done so for a while. */
#pragma once

/*
 * Begins, in the background, what makes the runtime's first write to a cgroup.procs cheap for the next hundredth of a
 * second or so. Costs the caller the start of a thread; nothing is changed by it and nothing depends on it.
 */
void cgroup_warm(void);
