/* SPDX-License-Identifier: Apache-2.0 */
/* The options that stand before a command, for parsing, help, manual pages and completion. */
#include "libross/base/mem.h"
#include "libross/config/places.h"
#include "session.h"

#define GLOBAL(member) offsetof(struct session_options, member)

const struct option_row session_option_rows[] = {
    {.name = "root",
     .type = OPTION_STR,
     .offset = GLOBAL(root),
     .arg = "DIR",
     .help = "persistent data (ROSS_ROOT, default " PLACES_ROOT_DEFAULT ")"},
    {.name = "state",
     .type = OPTION_STR,
     .offset = GLOBAL(state),
     .arg = "DIR",
     .help = "sockets and running tasks (ROSS_STATE, default " PLACES_STATE_DEFAULT ")"},
    {.name = "address",
     .letter = 'a',
     .type = OPTION_STR,
     .offset = GLOBAL(address),
     .arg = "SOCKET",
     .help =
         "content and records service to use instead of starting our own; a containerd works too"},
    {.name = "snapshotter-address",
     .type = OPTION_STR,
     .offset = GLOBAL(snapshotter_address),
     .arg = "SOCKET",
     .help = "snapshot and diff service (default: as --address, else our own)"},
    {.name = "namespace",
     .letter = 'n',
     .type = OPTION_STR,
     .offset = GLOBAL(ns),
     .arg = "NAME",
     .help = "containerd namespace (CONTAINERD_NAMESPACE, default \"default\")"},
    {.name = "snapshotter",
     .type = OPTION_STR,
     .offset = GLOBAL(snapshotter),
     .arg = "NAME",
     .help = "snapshotter name in requests (CONTAINERD_SNAPSHOTTER, default \"ross\")"},
    {.name = "config",
     .type = OPTION_STR,
     .offset = GLOBAL(config),
     .arg = "FILE",
     .help = "settings file with the options above (default /etc/ross/ross-cli.toml when there)"},
    {.name = "log-level",
     .type = OPTION_STR,
     .offset = GLOBAL(log_level),
     .arg = "LEVEL",
     .help = "trace, debug, info, warn or error, for us and for services we start"},
    {.name = "help",
     .letter = 'h',
     .type = OPTION_FLAG,
     .offset = GLOBAL(help),
     .help = "show this"},
    {.name = "version", .type = OPTION_FLAG, .offset = GLOBAL(version), .help = "show the version"},
};
const size_t session_option_rows_n = ARRAY_LEN(session_option_rows);
