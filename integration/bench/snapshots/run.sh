#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Snapshots over gRPC: ross-snapshotter beside the overlayfs of containerd 1.6, same client program, same machine, one run.
# A chain of ten layers below; one and eight clients; then ours with 100 and with MANY snapshots already there.
#   COUNT (3000)   snapshots taken through each step by ours; containerd gets a third of it
#   MANY (100000)  snapshots of the last table
. "$(dirname "$0")/../../lib/common.sh"
. "$(dirname "$0")/../../lib/containerd.sh"
count=${COUNT:-3000} many=${MANY:-100000}
bench=$(dirname "$BIN")/test/snapshots-bench
[ -x "$bench" ] || ninja -C "$(dirname "$BIN")" snapshots-bench >/dev/null || skip "snapshots-bench does not build"

start_ours() { # NAME
    "$BIN/ross-snapshotter" --root "$WORK/$1/root" --state "$WORK/$1/state" >"$WORK/$1.log" 2>&1 &
    OURS=$!
    PIDS+=("$OURS")
    wait_for 10 test -S "$WORK/$1/state/snapshotter.sock" || fail "ross-snapshotter does not start"
    ADDRESS=$WORK/$1/state/snapshotter.sock
}
rss() { awk '/VmRSS/ {printf "%.1f", $2/1024}' "/proc/$1/status"; }

mkdir -p "$WORK/ours"
start_ours ours
start_containerd 1.6
ctr namespaces create bench
ctr -n bench leases create --id bench >/dev/null
for clients in 1 8; do
    "$bench" "$CD_ADDRESS" overlayfs $clients $((count / 3)) lease=bench >"$WORK/theirs.$clients"
    "$bench" "$ADDRESS" ross $clients "$count" >"$WORK/ours.$clients"
    echo "$clients client(s), calls a second and microseconds:"
    printf '%-10s %10s %10s %8s %12s %12s %12s %12s\n' step containerd ross ratio 'p50 theirs' 'p50 ours' 'p99 theirs' 'p99 ours'
    paste -d' ' "$WORK/theirs.$clients" "$WORK/ours.$clients" |
        awk '{printf "%-10s %10d %10d %7.1fx %12d %12d %12d %12d\n", $1, $2, $6, $6/$2, $3, $7, $4, $8}'
done
echo "memory: containerd $(rss "$CD_PID") MB, ross-snapshotter $(rss "$OURS") MB resident"
kill -TERM "$OURS"; wait "$OURS" || true

for fill in 100 "$many"; do
    mkdir -p "$WORK/fill$fill"
    start_ours "fill$fill"
    "$bench" "$ADDRESS" ross 1 10 "fill=$fill" >/dev/null
    sync # what the filling left to write is not part of the question
    "$bench" "$ADDRESS" ross 1 "$count" >"$WORK/fill.$fill"
    echo "with $fill snapshots: $(rss "$OURS") MB resident"
    kill -TERM "$OURS"; wait "$OURS" || true
done
printf '%-10s %14s %14s %8s\n' step "with 100" "with $many" ratio
paste -d' ' "$WORK/fill.100" "$WORK/fill.$many" | awk '{printf "%-10s %14d %14d %7.2fx\n", $1, $2, $6, $6/$2}'
