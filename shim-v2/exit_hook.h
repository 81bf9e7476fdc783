/* SPDX-License-Identifier: Apache-2.0 */
/* A command that is run when a process has ended, for clients that leave nobody behind to wait for it. */
#pragma once

/* In the bundle: the words of the command, each ended by a NUL. An exec's file is named "on-exit.EXEC". */
#define EXIT_HOOK_FILE "on-exit"

/*
 * When the bundle has the file: starts the command in a session of its own, and does not wait for it. A client that
 * waits itself holds a lock (flock) on the file: then nothing is started.
 *   exec_id  "" = the container's own process
 */
void exit_hook_run(const char *bundle, const char *exec_id);
