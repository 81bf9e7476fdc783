#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A shim killed at random moments of a container's life: `delete` leaves nothing of it and reports the exit that was told.
# variants: runc crun
# limit: 600s
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/shim_alone.sh"
need_runtime "$1"
python3 "$HERE/lib/shim_killed.py" "$SHIM" "$1" "$WORK" "${ROUNDS:-40}" "${SEED:-$RANDOM}"
assert_alone
