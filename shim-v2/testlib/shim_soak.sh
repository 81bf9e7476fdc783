#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shim_soak.sh SOAK SHIM RUNTIME EXECS ATTACHES — runs shim_soak in a directory of its own and ends what it may leave.
set -eu
soak=$1 shim=$2 runtime=$3 execs=$4 attaches=$5
dir=$(mktemp -d /tmp/shim-soak-XXXXXX)
finish() {
    status=$?
    for pid in $(pgrep -f "containerd-shim-ross-v2 .*-state $dir" || true); do kill -9 "$pid" 2>/dev/null || true; done
    [ ! -s "$dir/one/init.pid" ] || kill -9 "$(cat "$dir/one/init.pid")" 2>/dev/null || true
    rm -rf "$dir"
    exit $status
}
trap finish EXIT
"$soak" "$shim" "$runtime" "$dir" "$execs" "$attaches"
