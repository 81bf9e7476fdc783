#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every byte that a process writes before its exit reaches the reader of its fifo, whenever and however that one reads; with
# a client of our own, so that a byte missing here was lost by the shim. integration/soak/shim_bytes.sh is the long version.
# variants: runc crun
# limit: 600s
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/shim_alone.sh"
need_runtime "$1"
python3 "$HERE/lib/shim_bytes.py" "$SHIM" "$1" "$WORK" "${ROUNDS:-2}" "${SEED:-$RANDOM}"
assert_alone
