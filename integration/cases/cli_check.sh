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

# --- a cgroup that nobody is in
idle=$(ross inspect -f '{{.Id}}' idle)
for dir in /sys/fs/cgroup/pids /sys/fs/cgroup /sys/fs/cgroup/unified; do
    [ -e "$dir/cgroup.procs" ] || continue
    mkdir -p "$dir/ross/$idle"
    mends "the cgroup '$dir/ross/$idle' of a container that does not run"
    break
done

# --- networks: a namespace without a container, an address that is held for nobody, a record without a container
mkdir -p "$ROSS_STATE/net" "$ROSS_STATE/netns"
touch "$ROSS_STATE/netns/dddddddddddddddd"
mends "the network namespace of container dddddddddddd, which has none any more"
mkdir -p "$ROSS_STATE/net/eeeeeeeeeeeeeeee"
mends "what was begun of the network of container eeeeeeeeeeee"
[ ! -e "$ROSS_STATE/net/eeeeeeeeeeeeeeee" ] || fail "it is still there"

# --- the services: a flipped bit, a file that is no blob, a directory that is no snapshot; beside them, and mended when nobody calls them
mkdir "$ROSS_ROOT/snapshots/987654"
mends "snapshot 987654: there is a directory but no row"
mkdir -p "$WORK/tree"
head -c 100000 /dev/urandom >"$WORK/tree/data"
tar -C "$WORK/tree" -cf "$WORK/tree.tar" data
ross import -q "$WORK/tree.tar" tree >/dev/null
blob=$(find "$ROSS_ROOT/content/blobs/sha256" -size +90k -size -200k)
printf 'x' | dd of="$blob" bs=1 seek=5000 conv=notrunc status=none
touch "$ROSS_ROOT/content/blobs/sha256/stranger"
told "stranger is no blob"
told "sha256:${blob##*/}: the bytes are not what the name says"
ross check --repair >"$WORK/found" 2>&1 || fail "--repair ends with $?: $(cat "$WORK/found")"
[ "$(grep -c "mended$" "$WORK/found")" -ge 2 ] && [ ! -e "$blob" ] || fail "not mended: $(cat "$WORK/found")"
ross rmi tree >/dev/null
in_order
ross images >/dev/null
pid=$(cat "$ROSS_ROOT/ross-contentd.lock")
ross check >/dev/null
[ "$(cat "$ROSS_ROOT/ross-contentd.lock")" = "$pid" ] && [ -d "/proc/$pid" ] || fail "a mere check sends the service away"

# --- what a killed command held, and a layer that nobody refers to
if command -v ctr >/dev/null; then
    ctr --address "$ROSS_STATE/contentd.sock" -n default leases create --id lost "ross/owner=$(cat /proc/sys/kernel/random/boot_id) $(readlink /proc/self/ns/pid) 1 0" >/dev/null
    mends "lease lost of a command that was killed"
    snap() { ctr --address "$ROSS_STATE/snapshotter.sock" snapshots --snapshotter ross "$@" >/dev/null; }
    snap prepare lost-active
    snap commit lost lost-active
    snap label lost containerd.io/gc.root=
    mends "snapshot ross/lost: nothing refers to it"
fi
expect_fail 2 "--mend" ross check --mend
ross rm -f up idle >/dev/null
in_order
assert_clean
