#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Our shim as the runtime of a real containerd, with its own snapshotter: everything that ctr can do with tasks, both
# runtimes, restarts of containerd, and a shim that is killed.
# variants: 1.6 1.7 2.1 1.6-crun
# limit: 600s
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/containerd.sh"
. "$(dirname "$0")/../lib/shim.sh"
need runc python3
version=${1%-*}
if [ "$1" != "$version" ]; then # another runtime under the name that the shim looks for, before containerd's own folder
    need crun
    mkdir "$WORK/bin"
    ln -s "$BIN"/* "$WORK/bin/"
    ln -sf "$(command -v crun)" "$WORK/bin/runc"
    BIN=$WORK/bin
    export PATH=$BIN:$PATH
    runc --root "$WORK/probe" list >/dev/null 2>&1 || skip "crun does not work on this host"
fi
start_containerd "$version"
load_demo
before=$(dead_sockets)

echo "- output, exit codes, stdin"
prints hello run out --rm -- echo hello || fail "run does not print"
got=0; run code --rm -- sh -c 'exit 7' || got=$?
[ $got = 7 ] || fail "exit code $got instead of 7"
run sig --rm -- sleep 1000 &
client=$!
wait_for 10 status_is sig RUNNING || fail "not running"
c task kill -s SIGKILL sig
got=0; wait $client || got=$?
[ $got = 137 ] || fail "exit code $got after SIGKILL"
prints in fed in run stdin --rm -- cat || fail "stdin"
for _ in 1 2 3; do # see prints
    run two --rm -- sh -c 'echo out; echo err >&2' >"$WORK/1" 2>"$WORK/2"
    [ "$version" = 1.6 ] && [ "$(cat "$WORK/1") $(cat "$WORK/2")" != "out err" ] || break
done
[ "$(cat "$WORK/1") $(cat "$WORK/2")" = "out err" ] || fail "the streams are mixed: $(cat "$WORK/1" "$WORK/2")"
got=0; run none --rm -- no-such-command 2>"$WORK/2" || got=$?
grep -q 'executable file.*not found' "$WORK/2" || fail "a missing command says: $(cat "$WORK/2")"
[ $got != 0 ] || fail "a missing command succeeds"

echo "- every byte before the exit arrives"
for n in 1 4095 4096 4097 65535 65536 65537 1048575 1048577 16777216; do
    for _ in 1 2 3; do
        got=$(run bytes --rm -- sh -c "head -c $n /dev/zero" | wc -c)
        [ "$version" = 1.6 ] && [ "$got" != "$n" ] || break
    done
    [ "$got" = "$n" ] || fail "$got of $n bytes arrived"
done

echo "- execs"
run box -d -- sleep 1000
status_is box RUNNING || fail "detached task does not run: $(c task ls)"
[ "$(c task exec --exec-id e1 box echo inside)" = inside ] || fail "exec"
got=0; c task exec --exec-id e2 box sh -c 'exit 9' || got=$?
[ $got = 9 ] || fail "exec: exit code $got"
[ "$(echo x | c task exec --exec-id e3 box cat)" = x ] || fail "exec: stdin"
got=0; c task exec --exec-id e4 box no-such-command 2>"$WORK/2" || got=$?
[ $got != 0 ] && grep -q 'executable file.*not found' "$WORK/2" || fail "exec of nothing: $(cat "$WORK/2")"
pids=()
for i in $(seq 20); do c task exec --exec-id "p$i" box sh -c "echo $i; exit $i" >"$WORK/p$i" & pids+=($!); done
for i in $(seq 20); do
    got=0; wait "${pids[$((i - 1))]}" || got=$?
    [ $got = "$i" ] && [ "$(cat "$WORK/p$i")" = "$i" ] || fail "concurrent exec $i: exit $got, '$(cat "$WORK/p$i")'"
done
c task exec -d --exec-id bg box sleep 900
c task ps box >"$WORK/ps"
grep -q bg "$WORK/ps" || fail "ps does not name the exec: $(cat "$WORK/ps")"
c task kill --exec-id bg -s SIGKILL box
script -qec "exec timeout --foreground 60 $CD_BIN/ctr -a $CD_ADDRESS -n $NS task exec -t --exec-id tty box tty" /dev/null </dev/null >"$WORK/tty"
grep -q /dev/pts/0 "$WORK/tty" || fail "exec with a terminal: $(cat "$WORK/tty")"

echo "- pause, resume, metrics, update of state"
c task pause box; status_is box PAUSED || fail "not paused"
c task resume box; status_is box RUNNING || fail "not resumed"
c task metrics box >"$WORK/metrics" || fail "no metrics"
grep -Eq 'pids.current +[1-9]' "$WORK/metrics" || fail "metrics without pids: $(cat "$WORK/metrics")"

echo "- containerd restarts; an exit meanwhile is told"
run gone -d -- sh -c 'sleep 2; exit 5'
run stays -d -- sleep 1000
init=$(c task ls | awk '$1 == "gone" { print $2 }')
kill -9 "$CD_PID"; wait "$CD_PID" 2>/dev/null || true
wait_for 10 sh -c "! kill -0 $init" || fail "it does not end"
launch_containerd
wait_for 10 status_is box RUNNING && wait_for 10 status_is stays RUNNING || fail "tasks are lost: $(c task ls)"
[ "$(c task exec --exec-id after box echo again)" = again ] || fail "exec after a restart"
wait_for 10 status_is gone STOPPED || fail "the task that ended meanwhile is lost: $(c task ls)"
got=0; c task delete gone >"$WORK/1" 2>&1 || got=$?
[ $got = 5 ] || grep -q 'code 5' "$WORK/1" || fail "its exit code is lost: $got $(cat "$WORK/1")"

echo "- a killed shim"
pid=$(shim_pid stays)
[ -n "$pid" ] || fail "cannot find the shim"
init=$(c task ls | awk '$1 == "stays" { print $2 }')
kill -9 "$pid"
wait_for 10 sh -c "! kill -0 $init" || fail "the container of a killed shim lives on"
wait_for 10 status_is stays "" || fail "containerd did not notice"
c container rm stays

echo "- kill, delete"
c task kill -s SIGTERM --all box || true
c task kill -s SIGKILL box
wait_for 10 status_is box STOPPED || fail "not stopped: $(c task ls)"
got=0; c task delete box 2>"$WORK/2" || got=$?
[ $got = 137 ] || [ $got = 0 ] || fail "delete: $got $(cat "$WORK/2")"
c container rm box
c container rm gone

echo "- pods: three containers, one shim"
for i in 1 2 3; do run "pod$i" -d --annotation io.kubernetes.cri.sandbox-id=pod1 -- sleep 1000 2>/dev/null || { echo "  (this ctr cannot set annotations)"; break; }; done
if status_is pod3 RUNNING; then
    [ "$(pgrep -fc "containerd-shim-ross-v2 -namespace $NS -id pod")" = 1 ] || fail "more than one shim for a pod"
    for i in 3 2 1; do c task kill -s SIGKILL "pod$i"; wait_for 10 status_is "pod$i" STOPPED; c task delete "pod$i" >/dev/null 2>&1 || true; c container rm "pod$i"; done
fi

echo "- file and ross-log output"
log=$WORK/logs/a.log
run filelog -d --log-uri "file://$log" -- sh -c 'echo to file; echo and err >&2'
wait_for 10 status_is filelog STOPPED; c task delete filelog >/dev/null 2>&1 || true; c container rm filelog
grep -q 'to file' "$log" && grep -q 'and err' "$log" || fail "file log: $(cat "$log")"
log=$WORK/logs/b.log
run rosslog -d --log-uri "ross-log://$log?format=cri&max-size=4k&max-file=3" -- sh -c 'for i in $(seq 200); do echo "line $i of the log"; done; printf partial'
wait_for 10 status_is rosslog STOPPED; c task delete rosslog >/dev/null 2>&1 || true; c container rm rosslog
grep -Eq '^20[0-9-]+T[0-9:.]+Z stdout F line 200 of the log$' "$log" || fail "ross-log: $(tail -2 "$log")"
grep -q ' stdout P partial$' "$log" || fail "ross-log loses the partial line: $(tail -2 "$log")"
[ -f "$log.2" ] && [ ! -f "$log.3" ] && [ "$(stat -c %s "$log.1")" -le 5000 ] || fail "rotation: $(ls -l "$WORK/logs")"

assert_nothing_left
fewer_dead_sockets() { [ "$(dead_sockets)" -le "$before" ]; }
wait_for 10 fewer_dead_sockets || fail "sockets are left in /run/containerd/s"
remove_cgroups
