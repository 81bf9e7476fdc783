#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# CONTAINERS (10,000) short containers and as many execs under a containerd that is killed at random, as are clients: every exit code
# arrives, the events of each container come in order and no exit twice in the life of a subscriber, and at the end nothing is left.
# SECONDS_MAX: begin no new container after that time (the count is printed). STRESS_LOG: a copy of what was wrong or noteworthy.
# limit: 7200s
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/containerd.sh"
. "$(dirname "$0")/../lib/shim.sh"
need runc crun python3 busybox
# the distribution's interpreter: gRPC for python is a package of Debian
python=/usr/bin/python3
"$python" -c 'import grpc' 2>/dev/null || skip "python3-grpcio is not installed"
export PYTHONPATH=$HERE/lib PYTHONDONTWRITEBYTECODE=1
version=${1:-1.7} containers=${CONTAINERS:-10000} workers=${WORKERS:-10} seed=${SEED:-$RANDOM}
echo "SEED=$seed"
RANDOM=$seed
start_containerd "$version"
dead=$(dead_sockets)

# subscribe: writes the events that this life of containerd publishes
lives=0 subscriber=
subscribe() {
    lives=$((lives + 1))
    "$CD_BIN/ctr" --address "$CD_ADDRESS" --namespace "$NS" events >"$WORK/events.$lives" 2>/dev/null &
    subscriber=$!
}
subscribe
"$python" "$HERE/lib/shim_stress.py" "$CD_ADDRESS" "$NS" "$WORK/stress" "$containers" "$workers" "$seed" "${SECONDS_MAX:-}" >"$WORK/counts" &
clients=$!
kills=0
while kill -0 "$clients" 2>/dev/null; do
    # in bits: a run that is over does not wait long
    for _ in $(seq $((RANDOM % 60 + 10))); do
        sleep 0.5
        kill -0 "$clients" 2>/dev/null || break 2
    done
    kill -9 "$CD_PID"
    wait "$CD_PID" 2>/dev/null || true
    kills=$((kills + 1))
    wait "$subscriber" 2>/dev/null || true
    launch_containerd
    subscribe
done
status=0
wait "$clients" || status=$?
kill "$subscriber" 2>/dev/null || true
echo "$(cat "$WORK/counts"), containerd killed $kills times"
if [ -n "${STRESS_LOG:-}" ]; then
    mkdir -p "$STRESS_LOG"
    cp "$WORK"/stress/{done,wrong,noise.*,missing.*} "$WORK"/events.* "$CD_DIR/log" "$STRESS_LOG" 2>/dev/null || true
fi
[ $status = 0 ] || fail "the clients: $(cat "$WORK/counts")"
[ ! -s "$WORK/stress/wrong" ] || fail "$(wc -l <"$WORK/stress/wrong") wrong: $(head -5 "$WORK/stress/wrong")"
"$python" "$HERE/lib/task_events.py" "$WORK"/events.* >"$WORK/order" || fail "the events are wrong: $(head -5 "$WORK/order")"
tail -1 "$WORK/order"
for pid in $(pgrep -f "containerd-shim-ross-v2 -namespace $NS "); do
    left=$(ps --no-headers -o stat,pid,comm --ppid "$pid" | grep '^Z' || true)
    [ -z "$left" ] || fail "zombies are left: $left"
done
# a containerd that was killed while it ended what a dead client had begun has found that again, and nobody has asked for it since
for task in $(c task ls -q | grep -v '^box-' || true); do
    cat "$WORK"/stress/abandoned.* 2>/dev/null | finds -x "$task" || fail "containerd still has a task $task"
    echo "containerd found $task again, which its client had abandoned"
    c task delete --force "$task" >/dev/null
done
for box in box-runc box-crun; do
    c task kill -s SIGKILL "$box"
    wait_for 20 status_is "$box" STOPPED
    c task delete "$box" >/dev/null 2>&1 || true
    c container rm "$box"
done
assert_nothing_left
[ "$(dead_sockets)" -le "$dead" ] || fail "sockets of shims are left"
remove_cgroups
