#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctr attaches to a detached task of our shim: what is typed reaches it, one that leaves neither ends nor blocks it, the next one hears the rest and the exit.
# variants: 1.6 1.7 2.1
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/containerd.sh"
. "$(dirname "$0")/../lib/shim.sh"
need runc python3
start_containerd "$1"
load_demo

attach() { exec "$CD_BIN/ctr" --address "$CD_ADDRESS" --namespace "$NS" task attach box; } # in the background: the client itself
says() { grep -qx "$2" "$1" 2>/dev/null; }
run box -d -- sh -c 'while read word; do echo "got $word"; [ "$word" = end ] && exit 6; done; exit 7'

echo "- one attaches, and is killed"
mkfifo "$WORK/in"
attach <"$WORK/in" >"$WORK/1" 2>&1 &
client=$!
exec 7>"$WORK/in"
echo one >&7
wait_for 10 says "$WORK/1" "got one" || fail "what is typed does not come back: $(cat "$WORK/1")"
kill -9 "$client"
exec 7>&-
wait "$client" 2>/dev/null || true
status_is box RUNNING || fail "the task ended with its client: $(c task ls)"

echo "- the next one hears the rest and the exit"
mkfifo "$WORK/again"
attach <"$WORK/again" >"$WORK/2" 2>&1 &
client=$!
exec 7>"$WORK/again"
echo two >&7
wait_for 10 says "$WORK/2" "got two" || fail "the second client hears nothing: $(cat "$WORK/2")"
echo end >&7
got=0; wait "$client" || got=$?
exec 7>&-
[ $got = 6 ] || fail "exit code $got, not 6: $(cat "$WORK/2")"
# ctr of 1.6 may leave before it has printed the last line
[ "$1" = 1.6 ] || says "$WORK/2" "got end" || fail "the last line is lost: $(cat "$WORK/2")"
c task delete box >/dev/null 2>&1 || true # ctr has done it
c container rm box
assert_nothing_left
remove_cgroups
