#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# CONTAINERS (10,000) short containers and as many execs under a containerd that is killed at random, as are clients: every exit code
# arrives, the events of each container come in order and no exit twice in the life of a subscriber, and at the end nothing is left.
# limit: 7200s
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/containerd.sh"
. "$(dirname "$0")/../lib/shim.sh"
need runc python3
version=${1:-1.7} containers=${CONTAINERS:-10000} workers=${WORKERS:-6} seed=${SEED:-$RANDOM}
echo "SEED=$seed"
RANDOM=$seed
start_containerd "$version"
load_demo
run box -d -- sleep 1000000

# answers: wait until containerd is there again
answers() { wait_for 60 c version; } 2>/dev/null
# One container with exit code K: the code that containerd reports at the end must be K, whatever happened in between.
one_container() {
    local id=$1 want=$2 got=0
    # a start that was cut off by the kill leaves something that is removed and tried again
    until run "$id" -d -- sh -c "exit $want" >/dev/null 2>&1 || status_is "$id" STOPPED; do
        answers
        c task delete -f "$id" >/dev/null 2>&1 || true
        c container rm "$id" >/dev/null 2>&1 || true
        c snapshots rm "$id" >/dev/null 2>&1 || true
    done
    until status_is "$id" STOPPED; do answers; done
    while :; do
        got=0
        c task delete "$id" >"$WORK/delete.$id" 2>&1 || got=$?
        [ "$want" = 0 ] && [ $got = 0 ] && break
        [ $got = "$want" ] && [ "$want" != 1 ] && break
        grep -q "code $want" "$WORK/delete.$id" && break
        grep -q 'not found' "$WORK/delete.$id" && { grep -q . "$WORK/cut.$id" 2>/dev/null && break; echo "$id: its exit $want is lost: $(cat "$WORK/delete.$id")" >>"$WORK/wrong"; break; }
        grep -Eq 'code [0-9]+' "$WORK/delete.$id" && { echo "$id: $(cat "$WORK/delete.$id"), not $want" >>"$WORK/wrong"; break; }
        echo cut >"$WORK/cut.$id"
        answers
    done
    rm -f "$WORK/delete.$id" "$WORK/cut.$id"
    until c container rm "$id" >/dev/null 2>&1 || ! c container ls -q | finds -x "$id"; do answers; done
}
one_exec() {
    local id=$1 want=$2 got=0
    c task exec --exec-id "$id" box sh -c "exit $want" >"$WORK/exec.$id" 2>&1 || got=$?
    # cut off by the kill, the client cannot know; an answer must be right
    # (137: the client itself was killed)
    [ $got = "$want" ] || [ $got = 137 ] || grep -Eq 'unavailable|closed|EOF|refused|reset|deadline|canceled|no such file' "$WORK/exec.$id" || echo "$id: $got, not $want: $(cat "$WORK/exec.$id")" >>"$WORK/wrong"
    rm -f "$WORK/exec.$id"
    [ $got = "$want" ] || answers
}
worker() {
    local w=$1 i
    trap - EXIT
    for ((i = w; i < containers; i += workers)); do
        one_container "s$i" $((i % 120 + 2))
        one_exec "x$i" $((i % 120 + 2))
    done
}
# subscribe: writes the events that this life of containerd publishes
lives=0 subscriber=
subscribe() {
    lives=$((lives + 1))
    "$CD_BIN/ctr" --address "$CD_ADDRESS" --namespace "$NS" events >"$WORK/events.$lives" 2>/dev/null &
    subscriber=$!
}
# A client of this case, but not the subscriber, is killed.
kill_a_client() {
    local pid
    pid=$(pgrep -f -- "^$CD_BIN/ctr --address $CD_ADDRESS --namespace $NS (run|task|container)" | shuf -n 1 || true)
    [ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true
}
subscribe
pids=()
for w in $(seq 0 $((workers - 1))); do worker "$w" 2>>"$WORK/noise" & pids+=($!); done
kills=0 clients=0
while kill -0 "${pids[@]}" 2>/dev/null; do
    for _ in $(seq $((RANDOM % 5 + 1))); do
        sleep $((RANDOM % 2)).$((RANDOM % 10))
        kill_a_client
        clients=$((clients + 1))
    done
    kill -0 "${pids[0]}" 2>/dev/null || break
    kill -9 "$CD_PID"
    wait "$CD_PID" 2>/dev/null || true
    kills=$((kills + 1))
    wait "$subscriber" 2>/dev/null || true
    launch_containerd
    subscribe
done
for p in "${pids[@]}"; do wait "$p" || fail "a worker failed"; done
kill "$subscriber" 2>/dev/null || true
python3 "$HERE/lib/task_events.py" "$WORK"/events.* >"$WORK/order" || fail "the events are wrong: $(head -5 "$WORK/order")"
echo "$containers containers and as many execs, containerd killed $kills times, clients $clients times; $(tail -1 "$WORK/order")"
[ ! -s "$WORK/wrong" ] || fail "$(wc -l <"$WORK/wrong") wrong: $(head -5 "$WORK/wrong")"
c task kill -s SIGKILL box
wait_for 10 status_is box STOPPED
c task delete box >/dev/null 2>&1 || true
c container rm box
assert_nothing_left
remove_cgroups
