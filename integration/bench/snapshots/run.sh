#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Snapshots over gRPC: ross-snapshotter beside the overlayfs of containerd 1.6, same client program, same machine, one run.
# A chain of ten layers below; one and eight clients; then ours with 100 and with MANY snapshots already there.
# containerd's database is synced at each change, and so is ours by default: that is the table to compare. What ours saves with --sync=commit is the other one.
#   COUNT (3000)   snapshots taken through each step by ours; containerd gets a third of it
#   MANY (100000)  snapshots of the last table
. "$(dirname "$0")/../../lib/common.sh"
. "$(dirname "$0")/../../lib/containerd.sh"
count=${COUNT:-3000} many=${MANY:-100000}
bench=$(dirname "$BIN")/test/snapshots-bench
[ -x "$bench" ] || ninja -C "$(dirname "$BIN")" snapshots-bench >/dev/null || skip "snapshots-bench does not build"

start_ours() { # NAME SYNC
    "$BIN/ross-snapshotter" --root "$WORK/$1/root" --state "$WORK/$1/state" --sync "$2" >"$WORK/$1.log" 2>&1 &
    OURS=$!
    PIDS+=("$OURS")
    wait_for 10 test -S "$WORK/$1/state/snapshotter.sock" || fail "ross-snapshotter does not start"
    ADDRESS=$WORK/$1/state/snapshotter.sock
}
stop_ours() { kill -TERM "$OURS"; wait "$OURS" || true; }
rss() { awk '/VmRSS/ {printf "%.1f", $2/1024}' "/proc/$1/status"; }
step() { # ADDRESS SNAPSHOTTER CLIENTS COUNT NAME [lease=ID]
    sync -f "$WORK" # what others left to write is not part of the question
    "$bench" "$1" "$2" "$3" "$4" ${6:-} >"$WORK/$5.$3"
}

start_containerd 1.6
ctr namespaces create bench
ctr -n bench leases create --id bench >/dev/null
for clients in 1 8; do
    step "$CD_ADDRESS" overlayfs $clients $((count / 3)) theirs lease=bench
    for mode in full commit; do
        mkdir -p "$WORK/$mode"
        start_ours "$mode" "$mode"
        step "$ADDRESS" ross $clients "$count" "$mode"
        memory=$(rss "$OURS")
        stop_ours
    done
    for mode in full commit; do
        [ $mode = full ] && echo "$clients client(s), same durability (every change is on the disk when it is answered):" ||
            echo "$clients client(s), --sync=commit (a commit is; the rest within a second):"
        printf '%-10s %10s %10s %8s %12s %12s %12s %12s   calls a second, microseconds\n' step containerd ross ratio 'p50 theirs' 'p50 ours' 'p99 theirs' 'p99 ours'
        paste -d' ' "$WORK/theirs.$clients" "$WORK/$mode.$clients" |
            awk '{printf "%-10s %10d %10d %7.1fx %12d %12d %12d %12d\n", $1, $2, $6, $6/$2, $3, $7, $4, $8}'
    done
done
echo "memory: containerd $(rss "$CD_PID") MB, ross-snapshotter $memory MB resident"

# Two services side by side, taking turns, so that both meet the same disk.
for fill in 100 "$many"; do
    mkdir -p "$WORK/fill$fill"
    start_ours "fill$fill" commit # filling is quicker so; what is measured is started anew below
    "$bench" "$ADDRESS" ross 1 10 "fill=$fill" >/dev/null
    stop_ours
    start_ours "fill$fill" full
    declare "address_$fill=$ADDRESS"
    echo "with $fill snapshots: $(rss "$OURS") MB resident"
done
for round in 1 2 3; do
    for fill in 100 "$many"; do
        address=address_$fill
        step "${!address}" ross 1 $((count / 2)) "fill$fill-$round"
    done
done
printf '%-10s %14s %14s %8s   calls a second, the middle of three rounds\n' step "with 100" "with $many" ratio
for name in prepare mounts stat commit remove; do
    for fill in 100 "$many"; do
        cat "$WORK/fill$fill"-?.1 | awk -v n="$name" '$1 == n {print $2}' | sort -n | sed -n 2p
    done | paste -d' ' - - | awk -v n="$name" '{printf "%-10s %14d %14d %7.2fx\n", n, $1, $2, $2/$1}'
done
