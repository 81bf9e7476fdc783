/* SPDX-License-Identifier: Apache-2.0 */
/* Begins the wait that the runtime's first write to a cgroup.procs would be: see libross/base/cgroup_self.h. */
#pragma once

/*
 * To be called just before a runtime is started that puts a process into a cgroup; returns at once. Changes nothing,
 * and nothing depends on it. The child that waits shares our memory and descriptors and is reaped like an orphan.
 */
void cgroup_warm(void);
