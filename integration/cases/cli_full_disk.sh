#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Containers on a full disk: run and create fail with one sentence and leave nothing, those that are there can be looked at, stopped and
# removed, a log loses lines and not the container; with room again everything goes on.
. "$(dirname "$0")/../lib/common.sh"
need jq
demo_layout
mkdir -p "$ROSS_ROOT"
# a tmpfs keeps nothing back for metadata, as ext4 does
mount -t tmpfs -o size=48m none "$ROSS_ROOT"
services_ended() { ! pgrep -f -- "--root $ROSS_ROOT" >/dev/null; }
done_with_disk() {
    local status=$? pid
    set +e
    trap - ERR
    ross rm -fa >/dev/null 2>&1
    for pid in $(pgrep -f -- "--root $ROSS_ROOT"); do kill -TERM "$pid" 2>/dev/null; done
    wait_for 10 services_ended
    umount "$ROSS_ROOT" 2>/dev/null || umount -l "$ROSS_ROOT"
    (exit $status)
    cleanup
}
trap done_with_disk EXIT
ross load -q --input "$WORK/demo" >/dev/null
state_of() { ross inspect -f '{{.State.Status}}' "$1"; }
LOOP='trap "exit 5" TERM; i=0; touch /ready; while :; do i=$((i+1)); echo line $i; sleep 0.05; done'
for name in stays goes forced; do ross run -d --name $name demo sh -c "$LOOP" >/dev/null; done
ross run -d --name again --restart always demo sh -c 'sleep 1; exit 1' >/dev/null
ross create --name idle demo true >/dev/null
for name in stays goes forced; do wait_for 10 ross exec $name test -e /ready || fail "$name is not ready"; done
five_lines() { [ "$(ross logs -n 5 stays | wc -l)" = 5 ]; }
wait_for 10 five_lines || fail "the log does not begin"

fill() { for _ in 1 2; do cat /dev/zero >>"$ROSS_ROOT/ballast" 2>/dev/null || true; done; }
fill

# nothing new, and nothing of it
for _ in 1 2; do
    expect_fail 125 "No space left" ross run --name more demo true
    expect_fail 125 "No space left" ross run -d --name more demo sleep 1000
    expect_fail 125 "No space left" ross create --name more demo true
done
expect "again forced goes idle stays " bash -c "$BIN/ross-cli ps -a --format '{{.Names}}' | sort | tr '\n' ' '"
# what is there can be looked at and ended
expect running state_of stays
expect created state_of idle
expect 5 bash -c "$BIN/ross-cli logs -n 5 stays | wc -l"
expect fine ross exec stays echo fine
expect forced ross rm -f forced
# its note may have no room: then that is said, and its end is known all the same
fill
got=0
ross stop goes >/dev/null 2>"$WORK/err" || got=$?
[ $got = 0 ] || finds "No space left" <"$WORK/err" || fail "stop: $got $(cat "$WORK/err")"
[ "$(state_of goes)" != running ] || fail "stop: it runs"

# room again: everything goes on, and nothing is out of order
rm "$ROSS_ROOT/ballast"
expect 5 ross wait goes
expect running state_of stays
last() { ross logs -n 1 stays | tr -dc 0-9; }
at=$(last)
grown() { [ "$(last)" -gt "$at" ]; }
wait_for 10 grown || fail "the log does not go on"
expect fine ross run --rm demo echo fine
expect idle ross start idle
expect 0 ross wait idle
running_again() { [ "$(state_of again)" = running ]; }
ross container restore >/dev/null
wait_for 20 running_again || fail "its policy does not start it: $(ross inspect -f '{{json .State}}' again)"
expect 5 bash -c "$BIN/ross-cli stop stays >/dev/null; $BIN/ross-cli wait stays"
ross rm -fa >/dev/null
touch -d '10 minutes ago' "$ROSS_ROOT"/containers/*/* 2>/dev/null || true
in_order() { ross check >"$WORK/found" 2>&1; }
wait_for 10 in_order || fail "not in order: $(cat "$WORK/found")"
expect "" ross ps -aq
assert_clean
