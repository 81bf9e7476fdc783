/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands, in the order of the help. */
#include "cmd.h"
#include "libross/base/mem.h"

const struct command_row *const commands[] = {
    &cmd_run,
    &cmd_create,
    &cmd_start,
    &cmd_stop,
    &cmd_restart,
    &cmd_kill,
    &cmd_wait,
    &cmd_pause,
    &cmd_unpause,
    &cmd_container_reap,
    &cmd_logs,
    &cmd_exec,
    &cmd_cp,
    &cmd_diff,
    &cmd_export,
    &cmd_container_list,
    &cmd_container_rm,
    &cmd_image_pull,
    &cmd_image_list,
    &cmd_image_inspect,
    &cmd_image_remove,
    &cmd_image_load,
    &cmd_health,
    &cmd_version,
    &cmd_completion,
    &cmd_docs,
    &cmd_image_push,
    &cmd_image_save,
    &cmd_image_tags,
    &cmd_search,
    &cmd_login,
    &cmd_logout,
};
const size_t commands_n = ARRAY_LEN(commands);
