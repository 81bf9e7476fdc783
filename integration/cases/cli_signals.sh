#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Signals to ross-cli reach the container; a killed ross-cli leaves the container running and it can be removed.
. "$(dirname "$0")/../lib/common.sh"
demo_layout
ross load -q --input "$WORK/demo" >/dev/null

for sig in TERM INT USR1; do
    rm -f "$WORK/out"
    "$BIN/ross-cli" run --rm demo sh -c 'trap "echo got TERM; exit 7" TERM; trap "echo got INT; exit 7" INT; trap "echo got USR1; exit 7" USR1; echo ready; while :; do sleep 1 & wait; done' >"$WORK/out" &
    pid=$!
    PIDS+=($pid)
    wait_for 10 grep -q ready "$WORK/out" || fail "the container did not start"
    kill -$sig $pid
    got=0
    wait $pid || got=$?
    [ $got = 7 ] || fail "SIG$sig: exit code $got"
    grep -q "got $sig" "$WORK/out" || fail "SIG$sig did not arrive"
done
assert_clean

# the client dies, the container lives on
rm -f "$WORK/out"
"$BIN/ross-cli" run --name lives demo sh -c 'echo ready; while :; do sleep 1; done' >"$WORK/out" &
pid=$!
wait_for 10 grep -q ready "$WORK/out" || fail "the container did not start"
kill -9 $pid
wait $pid 2>/dev/null || true
[ "$(ross ps --format json | jq -r '.[0].state')" = running ] || fail "not running after its client died: $(ross ps -a --format json)"
expect_fail 125 "is running" ross container rm lives
ross container rm -f lives >/dev/null
[ "$(ross ps -a --format json | jq length)" = 0 ] || fail "rm -f leaves it"
assert_clean
