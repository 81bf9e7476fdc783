#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# image prune and system prune, option by option: what goes, what stays; wrong values, several images of one rmi; nothing changes in between.
. "$(dirname "$0")/../lib/common.sh"
need jq

# demo has a container that runs; labelled, plain: images of their own; again: another name of plain; a record without a name
demo_layout
ross load -q --input "$WORK/demo" >/dev/null
mkdir "$WORK/tree"
echo one >"$WORK/tree/file"
tar -C "$WORK/tree" -cf "$WORK/plain.tar" .
echo two >"$WORK/tree/file"
tar -C "$WORK/tree" -cf "$WORK/labelled.tar" .
ross import -q "$WORK/plain.tar" x/plain:1 >/dev/null
ross import -q -c 'LABEL who=me' -c 'LABEL other=' "$WORK/labelled.tar" x/labelled:1 >/dev/null
ross tag x/plain:1 x/again:1
ross run -d --name runs demo sleep 1000 >/dev/null
ross run --name ended --label who=me demo true
unnamed=$(ross commit ended) || fail "commit"
[ -n "$unnamed" ] || fail "commit prints nothing"
before=$(ross images --format '{{.name}}' | sort)
[ "$(wc -l <<<"$before")" = 5 ] || fail "images: $before"

# plan KIND WANT ARGUMENT…: what a dry run says would go; nothing does
plan() {
    local kind=$1 want=$2 got
    shift 2
    ross "$kind" prune --dry-run "$@" >"$WORK/plan" || fail "$kind prune --dry-run $*"
    got=$(sed -n 's/^remove //p' "$WORK/plan" | sed -e 's/^image //' -e '/^container /!s/: .*//;s/^container [0-9a-f]* \([^:]*\): .*/\1/' | sed -e 's/^docker.io\///' -e 's/:1:.*/:1/' -e "s/^.*sha256:[0-9a-f]*.*/unnamed/" | sort | xargs)
    [ "$got" = "$want" ] || fail "$kind prune --dry-run $*: '$got', not '$want': $(cat "$WORK/plan")"
    [ "$(ross images --format '{{.name}}' | sort)" = "$before" ] || fail "a dry run changes the images"
    [ "$(ross ps -aq | wc -l)" = 2 ] || fail "a dry run changes the containers"
}
plan image "unnamed"
plan image "unnamed" --filter label!=who
plan image "unnamed" --force
plan image "unnamed x/again:1 x/labelled:1 x/plain:1" --all
plan image "x/labelled:1" -a --filter label=who
plan image "x/labelled:1" -a --filter label=who=me --filter label=other
plan image "x/labelled:1" -a --filter label=other=
plan image "" -a --filter label=who=you
plan image "unnamed x/again:1 x/plain:1" -a --filter label!=who
plan image "unnamed x/again:1 x/plain:1" -a --filter label!=who=me
plan image "" -a --filter label=who --filter label!=other
plan image "" -a --filter until=24h
plan image "" -a --filter until=2000-01-01
plan image "unnamed x/again:1 x/labelled:1 x/plain:1" -a --filter until=2099-12-31T00:00:00Z
plan image "x/labelled:1" -a --filter until=4000000000 --filter label=who
plan system "ended unnamed"
plan system "ended unnamed" --force --volumes
plan system "ended unnamed x/again:1 x/labelled:1 x/plain:1" -a
plan system "ended x/labelled:1" -a --filter label=who
plan system "unnamed x/again:1 x/plain:1" -a --filter label!=who
plan system "" -a --filter until=24h
plan system "ended unnamed" --filter until=2099-12-31

# --- wrong values, and what does not go together: nothing changes
for kind in image system; do
    expect_fail 125 "is no filter of this command" ross $kind prune -f --filter dangling=true
    expect_fail 125 "is no filter of this command" ross $kind prune -f --filter label=
    expect_fail 125 "is no filter of this command" ross $kind prune -f --filter ""
    expect_fail 125 "is no time for until=" ross $kind prune -f --filter until=
    expect_fail 125 "is no time for until=" ross $kind prune -f --filter until=2026-13-01
    expect_fail 125 "is no time for until=" ross $kind prune -af --filter label=who --filter until=-1h
    expect_fail 125 "nobody said yes" ross $kind prune -a
    expect_fail 2 "--bogus" ross $kind prune --bogus
    expect_fail 2 "--filter" ross $kind prune -f --filter
    expect_fail 2 "$kind prune" ross $kind prune -f x/plain:1
done
expect_fail 2 "--volumes" ross image prune -f --volumes
[ "$(ross images --format '{{.name}}' | sort)" = "$before" ] || fail "a refused prune changes the images"
[ "$(ross ps -aq | wc -l)" = 2 ] || fail "a refused prune changes the containers"

# --- several images at once: one that is not there does not keep the others
ross tag x/plain:1 x/third:1
got=0
ross rmi x/again:1 x/nothing:1 x/third:1 >"$WORK/out" 2>"$WORK/err" || got=$?
[ $got = 125 ] && grep -q x/nothing "$WORK/err" && [ "$(wc -l <"$WORK/err")" = 1 ] || fail "rmi of several: $got $(cat "$WORK/err")"
expect "removed docker.io/x/again:1
removed docker.io/x/third:1" cat "$WORK/out"
expect "" ross rmi -f x/nothing:1
expect_fail 125 "x/nothing" ross rmi x/nothing:1

# --- a name goes: untag; the last one: delete
ross tag x/plain:1 x/again:1
ross image prune -f --filter label=nothing >/dev/null
ross image prune -f | finds -x "removed $(grep sha256: <<<"$before")" || fail "the image without a name stays: $(ross images)"
ross image prune -af >"$WORK/out"
grep -qx 'removed docker.io/x/plain:1' "$WORK/out" && grep -qx 'removed docker.io/x/again:1' "$WORK/out" || fail "prune -a: $(cat "$WORK/out")"
events=$(ross events --since 1h --until 0s --format '{{.type}} {{.action}} {{.Actor.Attributes.name}}' 2>/dev/null | grep -E '^image (untag|delete)' || true)
[ "$(grep -c '^image delete docker.io/x/plain:1$\|^image delete docker.io/x/again:1$' <<<"$events")" = 1 ] || fail "two names of one target are deleted once: $events"
[ "$(grep -c '^image untag docker.io/x/again:1$' <<<"$events")" = 2 ] || fail "untag: $events"
expect "docker.io/library/demo:latest" ross images --format '{{.name}}'
ross system prune -f | finds -E '^removed container [0-9a-f]{12} ended$' || fail "system prune leaves the container"
ross rm -f runs >/dev/null
assert_clean
