#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every Task method against a real runtime, by a client of our own: streams of every kind, terminals, limits, signals, events, mounts. What
# this host cannot show is named in the output.
# variants: runc crun
# limit: 600s
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/shim_alone.sh"
need_runtime "$1"
python3 "$HERE/lib/shim_tasks.py" "$SHIM" "$1" "$WORK"
assert_alone
