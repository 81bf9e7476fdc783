#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ROUNDS (1,000) rounds of 63 streams of 0 bytes to 16 MiB with a runtime that only starts processes, then RUNC_ROUNDS (20) with
# runc: no byte that was written before an exit is lost.
# limit: 7200s
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/shim_alone.sh"
need_runtime runc
fake=$(dirname "$BIN")/test/fake_runtime
[ -x "$fake" ] || skip "the build has no tests"
seed=${SEED:-$RANDOM}
mkdir "$WORK/fake" "$WORK/runc"
python3 "$HERE/lib/shim_bytes.py" "$SHIM" "$fake" "$WORK/fake" "${ROUNDS:-1000}" "$seed"
python3 "$HERE/lib/shim_bytes.py" "$SHIM" runc "$WORK/runc" "${RUNC_ROUNDS:-20}" "$seed"
assert_alone
