#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# needs: tests
# Suites over a socket: containerd's own snapshot tests (its Go sources, through its proxy client) against ross-snapshotter;
# and the conformance suite of this tree against ross-snapshotter and against containerd's overlayfs, which must agree.
# limit: 900s
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/containerd.sh"
. "$(dirname "$0")/../lib/go_program.sh"
tests=$(dirname "$BIN")/test
mkdir -p "$WORK/tmp"
export TMPDIR=$WORK/tmp

[ -x "$tests/snapshots-conformance" ] || skip "this build has no test programs (a release build?)"

go_program test conformance/snapshots suite snapshots/testsuite
ROSS_SNAPSHOTTER=$BIN/ross-snapshotter "$WORK/suite" -test.v >"$WORK/suite.log" 2>&1 || { grep -v unmount "$WORK/suite.log" | tail -40; fail "containerd's suite"; }
passed=$(grep -c '^    --- PASS' "$WORK/suite.log") skipped=$(grep -c '^    --- SKIP' "$WORK/suite.log" || true)
echo "containerd's suite: $passed passed, $skipped skipped"
# Rename skips itself in 1.6 whatever the snapshotter
[ "$passed" -ge 20 ] && [ "$skipped" -le 1 ] || fail "too few tests passed"

"$BIN/ross-snapshotter" --root "$ROSS_ROOT" --state "$ROSS_STATE" >"$WORK/snapshotter.log" 2>&1 &
pid=$!
PIDS+=("$pid")
wait_for 10 test -S "$ROSS_STATE/snapshotter.sock" || fail "ross-snapshotter does not start"
"$tests/snapshots-conformance" "$ROSS_STATE/snapshotter.sock" ross rebase || fail "conformance of ross-snapshotter"
kill -TERM $pid
wait $pid || fail "ross-snapshotter ended with $?"
"$BIN/ross-snapshotter" check --root "$ROSS_ROOT" --state "$ROSS_STATE" || fail "check finds damage"

start_containerd 1.6
ctr namespaces create conformance
ctr -n conformance leases create --id conformance >/dev/null
peer=()
case $(ctr version | awk '/Version:/ {print $2}' | tail -1) in 1.* | v1.*) peer=(containerd1) ;; esac
"$tests/snapshots-conformance" "$CD_ADDRESS" overlayfs "${peer[@]}" lease=conformance || fail "conformance of containerd"
