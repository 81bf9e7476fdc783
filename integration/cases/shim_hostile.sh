#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# needs: tests
# The shim alone, against peers that mean it no good: every form of bootstrap, malformed and oversized frames, half-open and
# silent clients, ids that are paths, runtimes that hang or print without end, descriptors used up. It answers or closes, and its
# container lives on.
# limit: 600s
. "$(dirname "$0")/../lib/common.sh"
need python3
tests=$(dirname "$BIN")/test
[ -x "$tests/fake_runtime" ] || skip "the build has no tests"
# a sanitizer's own memory is not the shim's
ldd "$BIN/containerd-shim-ross-v2" 2>/dev/null | finds libasan && export SANITIZED=1
PYTHONPATH=$HERE/lib python3 "$HERE/lib/shim_hostile.py" "$BIN/containerd-shim-ross-v2" "$tests/fake_runtime" "$WORK"
