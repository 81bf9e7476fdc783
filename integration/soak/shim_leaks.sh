#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# 100,000 execs in one container and 10,000 readers that come and go: memory, descriptors and threads of the shim stay.
# limit: 3600s
set -euo pipefail
: "${BIN:?BIN must name the folder of the binaries}"
tests=$(dirname "$BIN")/test
[ -x "$tests/shim_soak" ] || { echo "the build has no tests"; exit 77; }
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
here=$(dirname "$(readlink -f "$0")")
exec "$here/../../shim-v2/testlib/shim_soak.sh" "$tests/shim_soak" "$BIN/containerd-shim-ross-v2" "$tests/fake_runtime" "${EXECS:-100000}" "${ATTACHES:-10000}"
