#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Containers chosen by --all, --latest, --filter and --cidfile instead of names; --signal of stop and restart.
. "$(dirname "$0")/../lib/common.sh"
need jq
demo_layout
ross load -q --input "$WORK/demo" >/dev/null
LOOP='trap "exit 5" TERM; trap "exit 6" USR1; echo >>/begun; while :; do sleep 0.05; done'
state_of() { ross inspect -f '{{.State.Status}}' "$1"; }
sorted() { "$@" | sort | tr '\n' ' '; }
# ready NAME [TIMES]: it has begun so often, and its traps are set
ready() { [ "$(ross exec "$1" sh -c 'wc -l </begun')" -ge "${2:-1}" ]; }

for name in one two three; do ross run -d --name $name -l team=red --cidfile "$WORK/cid-$name" demo sh -c "$LOOP" >/dev/null; done
ross create --name four -l team=blue demo sh -c "$LOOP" >/dev/null
for name in one two three; do wait_for 10 ready $name || fail "$name is not ready"; done

# what is not chosen, or chosen twice
for verb in stop restart kill start rm pause unpause wait; do
    expect_fail 2 "which container" ross $verb
    expect_fail 125 "not both" ross $verb --latest one
done
expect_fail 125 "--latest is one" ross stop --latest --all
expect_fail 125 "status='gone'" ross stop -f status=gone
expect_fail 125 "no container has the name" ross stop -f before=nobody
expect_fail 125 "--cidfile" ross stop --cidfile "$WORK/nothing"
: >"$WORK/empty"
expect_fail 125 "has no id" ross stop --cidfile "$WORK/empty"
expect_fail 125 "only one container" ross start -a --all
for name in one two three; do expect running state_of $name; done

# all of those it can be done to
expect "one three two " sorted ross pause --all
expect "" ross pause --all
expect "one three two " sorted ross unpause --all
expect "" ross unpause -a
expect "one " sorted ross stop --filter name=one
expect exited state_of one
expect 5 ross wait one
expect "three two " sorted ross kill --all -s USR1
expect 6 ross wait two
expect 6 ross wait three
expect "four one three two " sorted ross start --all
expect "" ross start --all
for name in one two three; do wait_for 10 ready $name 2 || fail "$name is not ready again"; done
wait_for 10 ready four || fail "four is not ready"
expect "four" ross stop --latest
expect "one three two " sorted ross stop -a -s USR1
for name in one two three; do case $(ross wait $name) in 6 | 138) ;; *) fail "$name ended with $(ross wait $name)" ;; esac; done
expect "four" ross start -f label=team=blue
wait_for 10 ready four 2 || fail "four is not ready again"
expect "four" ross restart --all --signal USR1
expect running state_of four
expect_fail 2 "is no signal" ross stop --signal NONSENSE four

# files with ids; those that are not there
ross rm -f one >/dev/null
expect_fail 125 "no container" ross rm --cidfile "$WORK/cid-one"
expect "" ross rm --ignore --cidfile "$WORK/cid-one" --cidfile "$WORK/nothing" nobody
expect "" ross stop -i nobody
expect "two" ross rm --ignore nobody two
expect "$(cat "$WORK/cid-three")" ross rm --cidfile "$WORK/cid-three"
expect "" ross wait --ignore nobody

# rm --all: what does not run, with -f everything
ross create --name five demo true >/dev/null
expect "five" ross rm --all
expect running state_of four
expect "four" ross rm -fa
expect "" ross ps -aq
expect "" ross rm --all

# container prune: what does not run, with -v its anonymous volumes
ross run -d --name stays -l team=red demo sleep 1000 >/dev/null
red=$(ross create --name red -l team=red -v /data demo true)
blue=$(ross create --name blue -l team=blue demo true)
expect_fail 125 "--force" ross container prune </dev/null
expect "" ross container prune -f --filter label=team=green
expect "$red" ross container prune -fv --filter label=team=red
expect "" ross volume ls -q
expect "$blue" ross container prune --force
expect stays ross ps -a --format '{{.Names}}'
expect "" ross container prune
ross rm -f stays >/dev/null

# an image is found by its id as well
ross run --name born demo true
id=$(ross inspect -f '{{.Image}}' born)
ross rm born >/dev/null
for word in "$id" "${id#sha256:}" "${id:7:12}"; do
    expect fine ross run --rm "$word" echo fine
    expect "$id" ross inspect --type image -f '{{.Id}}' "$word"
done
ross tag "${id:7:12}" other:1
expect fine ross run --rm "${id:7:12}" echo fine
expect_fail 125 "there is no image" ross run --rm --pull never "f$id" true
assert_clean
