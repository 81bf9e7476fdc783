#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# needs: tests
# A Create that is given up while the runtime still works on it. A daemon with patience sends Delete: the runtime gets a moment, then it ends
# and Delete is answered. One without runs `delete` beside the living shim: nothing is taken away under the runtime, the shim
# of a single container ends with it, that of a pod lives on. And what is being ended is not made.
# limit: 300s
. "$(dirname "$0")/../lib/common.sh"
need python3
tests=$(dirname "$BIN")/test
[ -x "$tests/fake_runtime" ] || skip "the build has no tests"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$HERE/lib python3 "$HERE/lib/shim_given_up.py" "$BIN/containerd-shim-ross-v2" "$tests/fake_runtime" "$WORK"
