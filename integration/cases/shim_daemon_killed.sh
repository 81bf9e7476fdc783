#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# containerd killed with -9 at random moments of run, exec, kill and delete, and restarted: it agrees with the shims about every task, each can
# be ended and removed, and no process, mount, cgroup or bundle is left. integration/soak/shim_stress.sh does it for hours.
# variants: 1.6 1.7 2.1
# limit: 600s
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/containerd.sh"
. "$(dirname "$0")/../lib/shim.sh"
need runc python3
rounds=${ROUNDS:-6} seed=${SEED:-$RANDOM}
echo "SEED=$seed"
RANDOM=$seed
CD_VERSION=$1
start_containerd "$CD_VERSION"
load_demo
run box -d -- sleep 100000

# cut COMMAND…: containerd dies while the command is under way
cut() {
    "$@" >/dev/null 2>&1 &
    local client=$!
    sleep "0.$(printf '%03d' $((RANDOM % 450)))" # the moment of the kill is the input of this case
    kill -9 "$CD_PID"
    wait "$CD_PID" 2>/dev/null || true
    wait $client 2>/dev/null || true
    launch_containerd
}
# What containerd says of a task is what its shim says: RUNNING and its process lives, STOPPED and it does not, or there is no task.
# A signal that was on its way may come between the two looks.
agrees() {
    pid="" state=""
    read -r pid state < <(c task ls | awk -v id="$1" '$1 == id { print $2, $3 }') || true
    case $state in
    RUNNING | CREATED) kill -0 "$pid" 2>/dev/null ;;
    STOPPED | "") ;;
    *) return 1 ;;
    esac
}
agreed() {
    local state pid
    wait_for 5 agrees "$1" || fail "$1: $state, but process $pid is gone"
    echo "  $1: ${state:-no task}"
}
end() {
    c task kill -s SIGKILL "$1" >/dev/null 2>&1 || true
    wait_for 10 not_running "$1" || fail "$1 does not end: $(c task ls)"
    c task delete -f "$1" >/dev/null 2>&1 || true
    wait_for 10 status_is "$1" "" || fail "$1 cannot be deleted: $(c task ls)"
    ! c container info "$1" >/dev/null 2>&1 || c container rm "$1" || fail "$1 cannot be removed"
    c snapshots rm "$1" >/dev/null 2>&1 || true
}
run_anew() {
    c container rm "$1" >/dev/null 2>&1 || true
    c snapshots rm "$1" >/dev/null 2>&1 || true
    run "$@" 2>"$WORK/err"
}
# A kill between the rename and the commit of containerd's own snapshotter leaves a directory in the way of its next snapshot.
run_again() {
    local stale
    run "$@" 2>"$WORK/err" && return
    if grep -q "task $1: already exists" "$WORK/err"; then
        # 1.6 keeps a shim that it started and gave nothing; that one leaves by itself after a minute
        [ "$CD_VERSION" = 1.6 ] || fail "run: $(cat "$WORK/err")"
        wait_for 120 run_anew "$@" || fail "$1 stays: $(cat "$WORK/err")"
        return
    fi
    stale=$(sed -n 's/.*failed to rename: rename [^ ]* \([^ :]*\): file exist.*/\1/p' "$WORK/err")
    [ -n "$stale" ] || fail "run: $(cat "$WORK/err")"
    rm -rf "$stale"
    run "$@"
}
not_running() { ! status_is "$1" RUNNING && ! status_is "$1" CREATED; }

for i in $(seq "$rounds"); do
    echo "- round $i"
    cut run "a$i" -d -- sleep 1000
    agreed "a$i"
    cut c task exec --exec-id "e$i" box sh -c 'sleep 0.2; exit 3'
    status_is box RUNNING || fail "the bystander is gone: $(c task ls)"
    [ "$(c task exec --exec-id "after$i" box echo fine)" = fine ] || fail "no exec after a kill"
    status_is "a$i" RUNNING || { end "a$i"; run_again "a$i" -d -- sleep 1000; }
    cut c task kill -s SIGKILL "a$i"
    agreed "a$i"
    c task kill -s SIGKILL "a$i" >/dev/null 2>&1 || true
    wait_for 10 not_running "a$i" || fail "a$i does not end"
    cut c task delete "a$i"
    agreed "a$i"
    end "a$i"
done
end box
# 1.6 keeps a shim without a task for ever; it leaves by itself after a minute
[ "$CD_VERSION" != 1.6 ] || wait_for 20 no_shims || true
assert_nothing_left
remove_cgroups
