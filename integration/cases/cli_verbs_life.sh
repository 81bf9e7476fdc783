#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Containers that outlive the command that began them: run -d, create, start, stop, kill, restart, wait, pause, rm.
. "$(dirname "$0")/../lib/common.sh"
need jq
demo_layout
ross load -q --input "$WORK/demo" >/dev/null
status_of() { ross ps -a --format '{{.name}} {{.state}}' | sed -n "s/^$1 //p"; }
LOOP='trap "exit 5" TERM; trap "exit 6" USR1; echo ready; while :; do sleep 0.05; done'
ready() { grep -q ready "$ROSS_ROOT"/containers/default/"$1"/log; }

id=$(ross run -d --name one demo sh -c "$LOOP")
[ ${#id} = 64 ] || fail "run -d printed '$id'"
expect running status_of one
wait_for 10 ready "$id" || fail "no output in the log"
expect one ross stop -t 60 one
expect exited status_of one
expect 5 ross wait one
expect one ross stop one # again is fine
[ -z "$(ls "$ROSS_STATE/tasks/default")" ] || fail "stop leaves a bundle"
expect_fail 125 "does not run" ross kill one

# again; the log goes on
: >"$ROSS_ROOT/containers/default/$id/log"
expect one ross start one
wait_for 10 ready "$id" || fail "started again: no output"
expect one ross start one
expect_fail 125 "runs already" ross start -a one
expect_fail 125 "stop it first" ross rm one
expect one ross pause one
expect paused status_of one
expect_fail 125 "is paused" ross start one
expect one ross unpause one
expect running status_of one
ross wait "${id:0:12}" >"$WORK/waited" &
waiter=$!
expect one ross kill -s usr1 one
wait "$waiter"
[ "$(cat "$WORK/waited")" = 6 ] || fail "wait printed $(cat "$WORK/waited")"
expect exited status_of one # its shim tells
expect 6 ross wait one
expect one ross restart -t 5 one
expect running status_of one
expect one ross restart -t 0 one
expect one ross kill one
expect 137 ross wait one

# one that does not listen is killed; the image's or the option's signal comes first
ross run -d --name deaf demo sh -c 'trap "" TERM; while :; do sleep 0.05; done' >/dev/null
expect deaf ross stop -t 1 deaf
expect 137 ross wait deaf
id=$(ross run -d --name usr --stop-signal USR1 --stop-timeout 30 demo sh -c "$LOOP")
wait_for 10 ready "$id" || fail "no output in the log"
expect usr ross stop usr
expect 6 ross wait usr

# several at once, and one that is not there
ross run -d --name two demo sleep 1000 >/dev/null
got=0; ross rm -f one nobody deaf usr two >"$WORK/out" 2>"$WORK/err" || got=$?
[ $got = 125 ] && [ "$(tr '\n' ' ' <"$WORK/out")" = "one deaf usr two " ] || fail "rm of several: $got $(cat "$WORK/out")"
[ "$(wc -l <"$WORK/err")" = 1 ] || fail "rm of several says: $(cat "$WORK/err")"
expect_fail 125 "is no signal" ross kill -s NONSENSE two
expect_fail 125 "--stop-signal" ross run -d --stop-signal NONSENSE demo true
expect_fail 125 "--log-opt" ross run -d --log-opt colour=blue demo true
expect_fail 2 "stop" ross stop -t soon two

# create; start in the foreground with stdin
ross create --name made demo sh -c 'read a; echo "got $a"; exit 3' >/dev/null
expect created status_of made
expect 0 ross wait made
got=0; out=$(echo text | ross start -i made) || got=$?
[ $got = 3 ] && [ "$out" = "got text" ] || fail "start -i: $got '$out'"
expect exited status_of made
expect 3 ross wait made
got=0; out=$(ross start -a made </dev/null) || got=$?
[ $got = 3 ] && [ "$out" = "got " ] || fail "start -a: $got '$out'"
ross rm made >/dev/null

# faults of the command
got=0; ross run -d --name bad demo no-such-command 2>/dev/null || got=$?
[ $got = 127 ] || fail "run -d of a missing command gives $got"
[ -z "$(status_of bad)" ] || fail "a container that never ran stays"
ross create --name bad demo no-such-command >/dev/null
got=0; ross start bad >/dev/null 2>&1 || got=$?
[ $got = 127 ] || fail "start of a missing command gives $got"
expect created status_of bad
ross rm bad >/dev/null

# --rm removes it though nobody waits, and stop of such a one leaves nothing
ross run -d --rm --name brief demo sleep 0.2 >/dev/null
gone() { [ -z "$(status_of "$1")" ]; }
wait_for 10 gone brief || fail "--rm leaves it"
ross run -d --rm --name longer demo sleep 1000 >/dev/null
ross stop -t 0 longer >/dev/null
[ -z "$(status_of longer)" ] || fail "stop of a --rm container leaves it"

# the machine was restarted: no task, no bundle; it comes back as exited and can be started
id=$(ross run -d --name survivor demo sh -c "$LOOP")
shim=$(pgrep -f "containerd-shim-ross-v2.*$id" | head -1)
kill -9 "$shim"
expect dead status_of survivor
expect survivor ross start survivor
expect running status_of survivor
ross rm -f survivor >/dev/null
assert_clean
