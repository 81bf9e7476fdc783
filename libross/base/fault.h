/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Points where a test can make a step fail or kill the process. Compiled in with ROSS_FAULTS (dev, asan presets);
 * otherwise FAULT() is 0.
 *
 *   ROSS_FAULT=NAME:N:ACTION  the N-th (1-based) time point NAME is passed: ACTION is an errno name (ENOSPC, EIO …),
 *                             or "kill" (SIGKILL to ourselves)
 *   ROSS_FAULT=*:N:ACTION     the N-th point of any name
 *   ROSS_FAULT_LIST=FILE      append the name of every point passed to FILE
 */
#pragma once

#ifdef ROSS_FAULTS
/* 0, or the errno that this step shall fail with. */
int fault_point(const char *name);
/* Reads the environment again and counts from the start: for tests that set it themselves. */
void fault_reload(void);
#define FAULT(name) fault_point(name)
#else
#define FAULT(name) 0
#endif
