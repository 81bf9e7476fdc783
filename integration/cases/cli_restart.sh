#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What follows the end of a detached container without anybody waiting: its note, --rm, restart policies, events; and what
# comes back after the machine was restarted or shims were killed.
. "$(dirname "$0")/../lib/common.sh"
need jq
demo_layout
ross load -q --input "$WORK/demo" >/dev/null
status_of() { ross ps -a --format '{{.name}} {{.state}}' | sed -n "s/^$1 //p"; }
is() { [ "$(status_of "$1")" = "$2" ]; }
restarts() { ross inspect -f '{{.RestartCount}}' "$1"; }
shim_of() { pgrep -f "containerd-shim-ross-v2.*$1" | head -1; }

# the end is noted, the shim leaves, nobody has to ask
id=$(ross run -d --name ends demo sh -c 'exit 9')
wait_for 10 grep -q '"exitCode":9' "$ROSS_ROOT/containers/default/$id/state.json" || fail "the end is not noted"
wait_for 10 test ! -e "$ROSS_STATE/tasks/default/$id" || fail "the bundle stays"
expect exited status_of ends
expect 9 ross wait ends
ross run -d --rm --name brief demo true >/dev/null
wait_for 10 is brief "" || fail "--rm leaves it"

# policies
ross run -d --name fails --restart on-failure:2 demo sh -c 'echo try; exit 7' >/dev/null
wait_for 20 grep -q '"restarts":2' "$ROSS_ROOT/containers/default/$(ross inspect -f '{{.Id}}' fails)/state.json" || fail "on-failure:2 does not start it twice"
wait_for 10 is fails exited || fail "on-failure:2 does not end: $(status_of fails)"
expect 2 restarts fails
expect 3 bash -c "$BIN/ross-cli logs fails | grep -c try"
expect 7 ross wait fails
ross run -d --name fine --restart on-failure demo true >/dev/null
wait_for 10 is fine exited || fail "on-failure of a good end"
expect 0 restarts fine
ross run -d --name ever --restart always demo sh -c 'sleep 0.1' >/dev/null
more() { [ "$(restarts ever)" -ge 2 ]; }
wait_for 20 more || fail "always starts it $(restarts ever) times"
expect ever ross stop ever
expect exited status_of ever
at=$(restarts ever)
expect fails ross update --restart always fails
expect fails ross start fails
wait_for 10 is fails restarting || fail "no moment of waiting is seen: $(status_of fails)"
expect fails ross stop fails # calls off the start that is due
expect exited status_of fails
ross run -d --name killed --restart unless-stopped demo sleep 1000 >/dev/null
expect killed ross kill killed
wait_for 10 is killed exited || fail "a killed one goes on"
expect 0 restarts killed
expect killed ross start killed
kill -9 "$(ross inspect -f '{{.State.Pid}}' killed)"
again() { [ "$(restarts killed)" = 1 ] && is killed running; }
wait_for 10 again || fail "one that was killed from outside is not started again"
expect "$at" restarts ever
expect_fail 125 "--restart and --rm" ross run -d --rm --restart always demo true
expect_fail 125 "--restart 'sometimes'" ross run -d --restart sometimes demo true
expect_fail 125 "needs -d" ross run --restart always demo true

# a shim is killed: the container is lost until restore
ross run -d --name lost --restart always demo sleep 1000 >/dev/null
ross run -d --name alone demo sleep 1000 >/dev/null
ross run -d --rm --name gone demo sleep 1000 >/dev/null
for name in lost alone gone; do kill -9 "$(shim_of "$(ross inspect -f '{{.Id}}' $name)")"; done
expect dead status_of lost
ross container restore >"$WORK/restored"
grep -qx lost "$WORK/restored" && ! grep -q alone "$WORK/restored" || fail "restore started: $(cat "$WORK/restored")"
expect running status_of lost
expect exited status_of alone
expect "" status_of gone
expect 255 ross wait alone

# the machine is restarted: every process dies, STATE is wiped, ROOT stays
ross stop -t 60 fails >/dev/null # restore began it again; in the middle of one of its lives nobody could tell how that ended
ross update --restart unless-stopped alone >/dev/null
expect alone ross start alone
for pid in $(ours); do [ "$pid" = $$ ] || [ "$pid" = $BASHPID ] || kill -9 "$pid" 2>/dev/null || true; done
for id in $(ross ps -aq); do
    for procs in /sys/fs/cgroup/*/ross/"$id"/cgroup.procs /sys/fs/cgroup/ross/"$id"/cgroup.procs; do
        [ ! -e "$procs" ] || while read -r pid; do kill -9 "$pid" 2>/dev/null || true; done <"$procs"
    done
done
for pid in $(ours); do [ "$pid" = $$ ] || [ "$pid" = $BASHPID ] || kill -9 "$pid" 2>/dev/null || true; done
for m in $(grep -o " $ROSS_STATE[^ ]* " /proc/self/mountinfo | sort -r); do umount -l "$m"; done
rm -rf "$ROSS_STATE"
expect exited status_of lost
expect exited status_of alone
expect 255 ross inspect -f '{{.State.ExitCode}}' lost
expect 7 ross inspect -f '{{.State.ExitCode}}' fails
ross container restore >"$WORK/restored"
# killed and ever were stopped by hand: always starts at boot, unless-stopped does not
for name in lost alone ever fails; do grep -qx "$name" "$WORK/restored" || fail "restore leaves $name: $(cat "$WORK/restored")"; done
expect running status_of lost
expect exited status_of ends
expect ends ross start ends
ross container restore >/dev/null
ross stop -t 0 lost alone ever fails >/dev/null

# events: what all that left behind
ross events --since 10m --until 0s --format json >"$WORK/events"
jq -e . "$WORK/events" >/dev/null || fail "events are no JSON"
actions() { jq -r "select(.name == \"$1\") | .action" "$WORK/events" | tr '\n' ' '; }
expect "create start die destroy " actions brief
case $(actions fails) in "create start die start die start die "*) ;; *) fail "events of fails: $(actions fails)" ;; esac
[ "$(jq -r 'select(.name == "ends" and .action == "die") | .attributes.exitCode' "$WORK/events" | head -1)" = 9 ] || fail "the exit code in events"
ross events --since 10m --until 0s -f event=die -f container=ends >"$WORK/some"
grep -q "container die" "$WORK/some" && ! grep -q start "$WORK/some" || fail "events with filters: $(cat "$WORK/some")"
expect "" ross events --since 10m --until 0s -f container=nobody
"$BIN/ross-cli" events --format '{{.action}} {{.name}}' >"$WORK/live" &
follower=$!
PIDS+=($follower)
sees() { grep -q "start live" "$WORK/live" || { ross run --rm --name live demo true; return 1; }; }
wait_for 10 sees || fail "events do not follow"
wait_for 10 grep -q "destroy live" "$WORK/live" || fail "events do not follow to the end"
kill $follower
expect_fail 125 "--since" ross events --since yesterday
expect_fail 125 "--filter" ross events -f colour=red
ross rm -f $(ross ps -aq) >/dev/null
assert_clean
