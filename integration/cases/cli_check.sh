#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# check: finds what does not belong together, mends it with --repair, and leaves what is in order alone.
. "$(dirname "$0")/../lib/common.sh"
demo_layout
ross load -q --input "$WORK/demo" >/dev/null
ross run -d --name up demo sleep 1000 >/dev/null
ross create --name idle demo true >/dev/null
told() {
    local got=0
    ross check >"$WORK/found" 2>&1 || got=$?
    [ $got = 1 ] && grep -qF -- "$1" "$WORK/found" || fail "check ends with $got and does not say '$1': $(cat "$WORK/found")"
}
in_order() { ross check >"$WORK/found" 2>&1 || fail "not in order: $(cat "$WORK/found")"; }
mends() {
    told "$1"
    ross check --repair >"$WORK/found" 2>&1 || fail "--repair ends with $?: $(cat "$WORK/found")"
    grep -F -- "$1" "$WORK/found" | finds mended || fail "not mended: $(cat "$WORK/found")"
    in_order
}
in_order
grep -q "in order" "$WORK/found" || fail "check says $(cat "$WORK/found")"

ln -s "$(printf 'a%.0s' $(seq 64))" "$ROSS_ROOT/containers/names/default/ghost"
in_order # so young that a command may be at work on it
touch -h -d '10 minutes ago' "$ROSS_ROOT/containers/names/default/ghost"
mends "the name 'ghost' belongs to container aaaaaaaaaaaa, which is not there"
ln -s "$(ross inspect -f '{{.Id}}' idle)" "$ROSS_ROOT/containers/names/default/alias"
touch -h -d '10 minutes ago' "$ROSS_ROOT/containers/names/default/alias"
mends "the name 'alias' is a second one of container"
mkdir "$ROSS_ROOT/containers/default/bbbbbbbbbbbbbbbb"
touch -d '10 minutes ago' "$ROSS_ROOT/containers/default/bbbbbbbbbbbbbbbb"
mends "notes of container bbbbbbbbbbbb"
mkdir -p "$ROSS_STATE/tasks/default/cccccccccccccccc/rootfs"
touch -d '10 minutes ago' "$ROSS_STATE/tasks/default/cccccccccccccccc"
mends "a bundle of container cccccccccccc"
id=$(ross inspect -f '{{.Id}}' up)
kill -9 "$(pgrep -f "containerd-shim-ross-v2.*$id" | head -1)"
mends "the shim of container ${id:0:12} is gone"
expect up ross start up
expect running ross inspect -f '{{.State.Status}}' up
in_order
expect_fail 2 "--mend" ross check --mend
ross rm -f up idle >/dev/null
in_order
assert_clean
