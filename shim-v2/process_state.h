/* SPDX-License-Identifier: Apache-2.0 */
/* Which operation a process allows in which state (reference 3.4). Pure. */
#pragma once

#include <stdbool.h>

#include "libross/base/err.h"

enum process_state {
    PROCESS_CREATED,
    PROCESS_CREATED_CHECKPOINT, /* nothing has run yet; start restores */
    PROCESS_RUNNING,
    PROCESS_PAUSED,
    PROCESS_STOPPED,
    PROCESS_DELETED,
};
#define PROCESS_STATES 6

enum process_op {
    OP_START,
    OP_DELETE,
    OP_PAUSE,
    OP_RESUME,
    OP_EXEC,
    OP_KILL,
    OP_UPDATE,
    OP_CHECKPOINT,
    OP_RESIZE,
};
#define PROCESS_OPS 9

/* 0 when allowed; else the code of the table, with the message of containerd's own shim. */
int process_state_check(bool is_exec, enum process_state state, enum process_op op,
                        struct err *err);
const char *process_state_name(enum process_state state);
