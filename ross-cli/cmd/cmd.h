/* SPDX-License-Identifier: Apache-2.0 */
/* Every command, for the table in commands.c. */
#pragma once

#include "ross-cli/command.h"

extern const struct command_row cmd_run, cmd_image_pull, cmd_image_list, cmd_image_inspect,
    cmd_image_remove, cmd_image_load, cmd_container_list, cmd_container_rm, cmd_health, cmd_version,
    cmd_completion, cmd_docs;
extern const struct command_row cmd_image_push, cmd_image_save, cmd_image_tags, cmd_search,
    cmd_login, cmd_logout;
extern const struct command_row cmd_image_history, cmd_image_prune, cmd_image_tag, cmd_system_df,
    cmd_system_prune, cmd_image_referrers, cmd_image_import;
extern const struct command_row cmd_create, cmd_start, cmd_stop, cmd_restart, cmd_kill, cmd_wait,
    cmd_pause, cmd_unpause, cmd_container_reap;
extern const struct command_row cmd_logs, cmd_exec;
extern const struct command_row cmd_network_create, cmd_network_list, cmd_network_inspect,
    cmd_network_rm, cmd_network_prune, cmd_network_reload, cmd_network_check, cmd_network_connect,
    cmd_network_disconnect, cmd_port;
extern const struct command_row cmd_volume_create, cmd_volume_list, cmd_volume_inspect,
    cmd_volume_rm, cmd_volume_prune;
extern const struct command_row cmd_diff, cmd_export, cmd_cp;
extern const struct command_row cmd_inspect, cmd_rename, cmd_update, cmd_top, cmd_stats;
extern const struct command_row cmd_attach, cmd_check, cmd_commit, cmd_events,
    cmd_container_restore, cmd_container_prune;
extern const struct command_row cmd_containerd_enable, cmd_containerd_disable,
    cmd_containerd_status;
