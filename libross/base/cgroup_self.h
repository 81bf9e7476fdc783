/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where this process is among cgroups, for the one thing that a move to where it is already is good for.
 *
 * The kernel guards moves of whole processes between cgroups with a lock whose writer, after a pause, waits for a
 * grace period of RCU: 12 to 15 ms where it was measured, in the middle of every `runc create` and `runc exec`. While
 * that lock is still warm from another move the wait is gone. So whoever is about to start a runtime begins a move of
 * its own beforehand, beside other work.
 */
#pragma once

/* The cgroup.procs of our own group in the unified hierarchy: "0" written there moves us nowhere. malloc'ed or NULL. */
char *cgroup_self_procs(void);
