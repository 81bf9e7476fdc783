#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# needs: tests
# Our conformance suite of the content contract against real containerds: they and we must agree.
# variants: 1.6 1.7 2.1
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/containerd.sh"
tool=$(dirname "$BIN")/test/content_conformance_test
[ -x "$tool" ] || skip "$tool was not built (a preset without tests)"
start_containerd "$1"
"$tool" "$CD_ADDRESS" conformance foreign >"$WORK/log" 2>&1 || {
    grep -vE 'RUN|  OK' "$WORK/log" >&2
    fail "containerd $1 and the suite do not agree"
}
grep -E '^\[  PASSED' "$WORK/log"
