#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# phases.sh [RUNTIME [ROUNDS]] — where the time of one container and of one exec goes: each call of the shim, the same command of the bare
# runtime, and the difference, which is the shim's own. Needs BIN.
. "$(dirname "$0")/../../lib/common.sh"
. "$(dirname "$0")/../../lib/shim_alone.sh"
need_runtime "${1:-runc}"
python3 "$(dirname "$0")/phases.py" "$SHIM" "${1:-runc}" "$WORK" "${2:-15}" 2>&1
assert_alone
