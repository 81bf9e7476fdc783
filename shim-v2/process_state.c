/* SPDX-License-Identifier: Apache-2.0 */
/* The table of states and operations. */
#include "process_state.h"

#include <assert.h>

#define OK 0
#define UN CODE_UNKNOWN
#define NF CODE_NOT_FOUND
#define FP CODE_FAILED_PRECONDITION

/* columns: start delete pause resume exec kill update checkpoint resize */
static const signed char init_rows[PROCESS_STATES][PROCESS_OPS] = {
    [PROCESS_CREATED] = {OK, OK, UN, UN, OK, OK, OK, UN, OK},
    [PROCESS_CREATED_CHECKPOINT] = {OK, OK, UN, UN, UN, OK, OK, UN, OK},
    [PROCESS_RUNNING] = {UN, UN, OK, UN, OK, OK, OK, OK, OK},
    [PROCESS_PAUSED] = {UN, UN, UN, OK, UN, OK, OK, OK, OK},
    [PROCESS_STOPPED] = {UN, OK, UN, UN, UN, NF, UN, UN, OK},
    [PROCESS_DELETED] = {UN, NF, UN, UN, UN, NF, UN, UN, UN},
};
static const signed char exec_rows[PROCESS_STATES][PROCESS_OPS] = {
    [PROCESS_CREATED] = {OK, OK, UN, UN, UN, FP, UN, UN, OK},
    [PROCESS_CREATED_CHECKPOINT] = {UN, UN, UN, UN, UN, UN, UN, UN, UN},
    [PROCESS_RUNNING] = {UN, UN, UN, UN, UN, OK, UN, UN, OK},
    [PROCESS_PAUSED] = {UN, UN, UN, UN, UN, UN, UN, UN, UN},
    [PROCESS_STOPPED] = {UN, OK, UN, UN, UN, NF, UN, UN, UN},
    [PROCESS_DELETED] = {UN, NF, UN, UN, UN, NF, UN, UN, UN},
};
static const char *const verbs[PROCESS_OPS] = {
    "start", "delete", "pause", "resume", "exec in", "kill", "update", "checkpoint", "resize",
};
static const char *const states[PROCESS_STATES] = {
    "created", "created", "running", "paused", "stopped", "deleted",
};

const char *
process_state_name(enum process_state state)
{
    return states[state];
}

/* In the words of containerd's own shim, which people search for. */
static int
refuse(bool is_exec, enum process_state state, enum process_op op, int code, struct err *err)
{
    bool made = state == PROCESS_CREATED || state == PROCESS_CREATED_CHECKPOINT;
    const char *what = "container";

    if (op == OP_KILL && state >= PROCESS_STOPPED)
        return err_set(err, code, "process already finished: not found");
    if (op == OP_KILL && is_exec && made)
        return err_set(err, code, "process not created: failed precondition");
    if (op == OP_EXEC)
        return err_set(err, code, "cannot exec in a %s state", states[state]);
    if (made && (op == OP_PAUSE || op == OP_RESUME))
        return err_set(err, code, "cannot %s task in %s state", verbs[op], states[state]);
    if (made && op == OP_CHECKPOINT)
        return err_set(err, code, "cannot checkpoint a task in %s state", states[state]);
    if (op == OP_START || op == OP_DELETE || (op == OP_RESUME && state == PROCESS_RUNNING))
        what = "process";
    return err_set(err, code, "cannot %s a %s %s", verbs[op], states[state], what);
}

int
process_state_check(bool is_exec, enum process_state state, enum process_op op, struct err *err)
{
    int code;

    assert(state < PROCESS_STATES && op < PROCESS_OPS);
    code = is_exec ? exec_rows[state][op] : init_rows[state][op];
    if (code == OK)
        return 0;
    return refuse(is_exec, state, op, code, err);
}
