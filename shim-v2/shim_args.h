/* SPDX-License-Identifier: Apache-2.0 */
/* The command line that containerd gives to a shim: Go flag syntax, one action word (reference 1.2). */
#pragma once

#include <stdbool.h>

#include "libross/base/err.h"

enum shim_action { SHIM_SERVE, SHIM_START, SHIM_DELETE };

/* Strings are borrowed from argv; "" when not given. */
struct shim_args {
    const char *ns, *address, *id, *bundle;
    const char *publish_binary; /* containerd's program; events go over ttrpc, so nothing runs it */
    const char *socket;         /* listen here instead of on fd 3 */
    const char *state;          /* overrides ROSS_STATE */
    bool debug, version, info;
    enum shim_action action;
};

/*
 * One or two dashes, "-flag value" or "-flag=value", booleans without a value; the first other word ends the flags
 * and is the action. InvalidArgument names what is wrong. A namespace and a usable id are demanded unless version
 * or info is asked for.
 */
int shim_args_parse(int argc, char **argv, struct shim_args *ret, struct err *err);

/* Container and exec ids and namespaces as containerd checks them: they become file names. InvalidArgument. */
#define SHIM_ID_MAX 76
int shim_id_validate(const char *what, const char *id, struct err *err);
