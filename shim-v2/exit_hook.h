/* SPDX-License-Identifier: Apache-2.0 */
/* A command that is run when a container has ended, for clients that leave nobody behind to wait for it. */
#pragma once

#define EXIT_HOOK_FILE "on-exit" /* in the bundle: the words of the command, each ended by a NUL */

/* When the bundle has the file: starts the command in a session of its own, and does not wait for it. */
void exit_hook_run(const char *bundle);
