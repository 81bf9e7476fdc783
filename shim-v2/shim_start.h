/* SPDX-License-Identifier: Apache-2.0 */
/* The short-lived invocations of the shim: start, delete, -info, -v. Each returns the exit code of the process. */
#pragma once

#include "shim_args.h"

#define SHIM_SELF_NAME "containerd-shim-ross-v2"
#define SHIM_STDIN_MAX (10 * 1024 * 1024)

/* Prints the address of the shim that serves this container or its pod, after starting it when there is none. */
int shim_start(const struct shim_args *args);
/* Ends what a shim left behind and prints how its container ended. */
int shim_delete(const struct shim_args *args);
/* Prints what the runtime can do. */
int shim_info(const struct shim_args *args);

/*
 * The directory with tasks.db and, without containerd, the sockets: -state, else ROSS_STATE, else /run/ross.
 * Borrowed.
 */
const char *shim_state_dir(const struct shim_args *args);
