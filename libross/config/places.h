/* SPDX-License-Identifier: Apache-2.0 */
/* Where things live: --root and --state, their environment and defaults, and the names below them. */
#pragma once

#define PLACES_ROOT_DEFAULT  "/var/lib/ross" /* env ROSS_ROOT */
#define PLACES_STATE_DEFAULT "/run/ross"     /* env ROSS_STATE */

/* The flag's value, else the environment's, else the default; borrowed. */
const char *places_root(const char *flag);
const char *places_state(const char *flag);
/* STATE/contentd.sock, STATE/snapshotter.sock unless the flag gives another; malloc'ed. */
char *places_contentd_address(const char *flag, const char *state);
char *places_snapshotter_address(const char *flag, const char *state);
