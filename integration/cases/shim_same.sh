#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The same calls in the same states to our shim and to that of containerd: the same codes, messages, replies and events. Where ours differs
# on purpose, lib/shim_same.py says why, and what it answers.
# variants: 1.6 1.7 2.1 1.7-crun
# limit: 600s
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/containerd.sh"
. "$(dirname "$0")/../lib/shim_alone.sh"
version=${1%-*} runtime=runc
[ "$1" = "$version" ] || runtime=crun
need_runtime "$runtime"
containerd_bin "$version"
[ -x "$CD_BIN/containerd-shim-runc-v2" ] || skip "containerd $version has no shim of its own here"
python3 "$HERE/lib/shim_same.py" "$SHIM" "$CD_BIN/containerd-shim-runc-v2" "$WORK" "$runtime"
assert_alone
