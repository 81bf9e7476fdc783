#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The snapshotter as proxy plugin (and for 1.7 and 2.1 the differ too) of a real containerd: every `ctr snapshots` verb,
# trees equal to those of containerd's own overlayfs, restarts and kill -9 of either, nothing left after garbage collection.
# variants: 1.6 1.7 2.1
# limit: 600s
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/containerd.sh"
need skopeo umoci runc jq getfattr zstd
version=$1
sock=$ROSS_STATE/snapshotter.sock

start_registry
"$HERE/lib/layers_image.sh" "$WORK/layers" layers:latest >/dev/null 2>&1 || fail "cannot make the image"
skopeo copy -q --dest-tls-verify=false "oci:$WORK/layers:layers:latest" "docker://$REGISTRY/layers:gzip"
mkdir "$WORK/plain"
skopeo copy -q "oci:$WORK/layers:layers:latest" "dir:$WORK/plain" --dest-decompress
skopeo copy -q --dest-tls-verify=false --dest-compress --dest-compress-format zstd "dir:$WORK/plain" "docker://$REGISTRY/layers:zstd"

{
    printf '[proxy_plugins]\n  [proxy_plugins.ross]\n    type = "snapshot"\n    address = "%s"\n' "$sock"
    printf '    capabilities = ["remap-ids"]\n'
    if [ "$version" != 1.6 ]; then
        printf '  [proxy_plugins.ross-diff]\n    type = "diff"\n    address = "%s"\n' "$sock"
        printf '[plugins."io.containerd.service.v1.diff-service"]\n  default = ["ross-diff"]\n'
    fi
} >"$WORK/proxy.toml"
CD_DIR=$WORK/containerd-$version

start_snapshotter() {
    # blobs: 1.7 through the socket only, the others from the files
    local content=()
    [ "$version" = 1.7 ] || content=(--content-root "$CD_DIR/root/io.containerd.content.v1.content")
    "$BIN/ross-snapshotter" --root "$ROSS_ROOT" --state "$ROSS_STATE" "${content[@]}" --content-address "$CD_DIR/c.sock" \
        >>"$WORK/snapshotter.log" 2>&1 &
    SN_PID=$!
    PIDS+=("$SN_PID")
    wait_for 10 test -S "$sock" || fail "ross-snapshotter does not start: $(tail -3 "$WORK/snapshotter.log")"
}
kill_snapshotter() { kill -KILL "$SN_PID"; wait "$SN_PID" 2>/dev/null || true; }
# containerd tries again with a back-off of up to 3 s, and fails calls meanwhile
ping() { ctr snapshots --snapshotter ross prepare "ping-$1" && ctr snapshots --snapshotter ross rm "ping-$1"; }
reconnected() { wait_for 10 ping "$RANDOM" || fail "containerd does not come back to the snapshotter"; }
rows() { ctr snapshots --snapshotter ross ls | tail -n +2; }
names_of_kind() { rows | awk -v k="$1" '$NF==k {print $1}'; }
start_snapshotter
start_containerd "$version" "$WORK/proxy.toml"
pull() {
    local by=$1 flags=()
    shift
    [ "$version" = 2.1 ] && flags+=(--local)
    ctr images pull --snapshotter "$by" --plain-http "${flags[@]}" "$@" >"$WORK/pull.log" 2>&1
}

# --- both snapshotters unpack the same image: the trees are the same ---
pull ross "$REGISTRY/layers:gzip" || fail "pull: $(tail -3 "$WORK/pull.log")"
pull overlayfs "$REGISTRY/layers:gzip" || fail "pull with overlayfs: $(tail -3 "$WORK/pull.log")"
chain() { ctr snapshots --snapshotter "$1" ls | awk 'NR>1 {has[$1]=1; if (NF==3) p[$2]=1} END {for (n in has) if (!(n in p)) print n}'; }
top=$(chain ross)
[ "$(wc -w <<<"$top")" = 1 ] || fail "no single top: $top"
[ "$top" = "$(chain overlayfs)" ] || fail "chain ids differ: $top $(chain overlayfs)"
[ "$(rows | wc -l)" = 4 ] || fail "not four layers: $(rows)"

# tree DIR: everything about it but access times and the times of directories made on the way
tree() {
    (
        cd "$1"
        find . -mindepth 1 -printf '%p %y %m %U %G %n %l\n' | sort
        find . -mindepth 1 -type f -printf '%p %s %T@\n' | sort
        find . -mindepth 1 \( -type b -o -type c \) -exec stat -c '%n %t:%T' {} + | sort
        find . -type f -exec sha256sum {} + | sort
        getfattr -Rhd -m '^(user|security)\.' -e hex . 2>/dev/null
    )
}
look() {
    local by=$1 name=$2 out=$3
    mkdir -p "$WORK/look"
    # not a view: `ctr` does not protect views from the garbage collector
    ctr snapshots --snapshotter "$by" prepare look-key "$name" >/dev/null
    eval "$(ctr snapshots --snapshotter "$by" mounts "$WORK/look" look-key)"
    tree "$WORK/look" >"$out"
    umount "$WORK/look"
    ctr snapshots --snapshotter "$by" rm look-key
}
parent_of() { ctr snapshots --snapshotter ross ls | awk -v n="$1" '$1==n && NF==3 {print $2}'; }
layer=$top count=0
while [ -n "$layer" ]; do
    look ross "$layer" "$WORK/tree-ross"
    look overlayfs "$layer" "$WORK/tree-overlayfs"
    diff -u "$WORK/tree-overlayfs" "$WORK/tree-ross" || fail "trees of $layer differ"
    [ "$(wc -l <"$WORK/tree-ross")" -gt 200 ] || fail "the tree is too small to be true"
    layer=$(parent_of "$layer") count=$((count + 1))
done
[ "$count" = 4 ] || fail "walked $count layers"
grep -q '^./etc/old f 644' "$WORK/tree-ross" && fail "base layer shows the third"

# --- the verbs ---
ctr snapshots --snapshotter ross tree >"$WORK/out"
[ "$(grep -c sha256 "$WORK/out")" = 4 ] || fail "tree: $(cat "$WORK/out")"
ctr snapshots --snapshotter ross usage >"$WORK/out"
[ "$(grep -c sha256 "$WORK/out")" = 4 ] || fail "usage: $(cat "$WORK/out")"
# all but the allocation of blocks is equal, and that is on the same filesystem
ctr snapshots --snapshotter ross usage -b "$top" | tail -1 >"$WORK/u1"
ctr snapshots --snapshotter overlayfs usage -b "$top" | tail -1 >"$WORK/u2"
cmp -s "$WORK/u1" "$WORK/u2" || fail "usage differs: $(cat "$WORK/u1" "$WORK/u2")"
ctr snapshots --snapshotter ross prepare work "$top" >/dev/null
ctr snapshots --snapshotter ross info work | jq -e '.Kind=="Active" and .Parent=="'"$top"'"' >/dev/null || fail "info"
ctr snapshots --snapshotter ross label work colour=blue >/dev/null
ctr snapshots --snapshotter ross info work | jq -e '.Labels.colour=="blue"' >/dev/null || fail "label"
mkdir -p "$WORK/mnt"
eval "$(ctr snapshots --snapshotter ross mounts "$WORK/mnt" work)"
echo added >"$WORK/mnt/etc/added"; rm "$WORK/mnt/etc/keep"; rm -r "$WORK/mnt/many"; mkdir "$WORK/mnt/many"; echo one >"$WORK/mnt/many/one"
umount "$WORK/mnt"
type=application/vnd.oci.image.layer.v1.tar
ctr snapshots --snapshotter ross diff --media-type $type "$top" work >"$WORK/diff.tar" || fail "diff"
ctr snapshots --snapshotter ross diff --media-type $type+gzip "$top" work >"$WORK/diff.gz" || fail "diff to gzip"
if [ "$version" = 1.6 ]; then # its own differ, whose whiteouts have the time of the diff
    [ "$(tar tzf "$WORK/diff.gz")" = "$(tar tf "$WORK/diff.tar")" ] || fail "the gzip layer is another"
else # our differ, which makes zstd too
    gzip -dc "$WORK/diff.gz" | cmp - "$WORK/diff.tar" || fail "the gzip layer is another"
    ctr snapshots --snapshotter ross diff --media-type $type+zstd "$top" work >"$WORK/diff.zst" || fail "diff to zstd"
    zstd -dc "$WORK/diff.zst" | cmp - "$WORK/diff.tar" || fail "the zstd layer is another"
fi
tar tf "$WORK/diff.tar" | sort >"$WORK/out"
printf '%s\n' etc/ etc/.wh.keep etc/added many/ >"$WORK/want"
grep -v '^many/' "$WORK/out" >"$WORK/some"; grep -v '^many/$' "$WORK/want" | cmp - "$WORK/some" || fail "diff holds $(cat "$WORK/some")"
[ "$(grep -c '^many/\.wh\.file-' "$WORK/out")" = 200 ] && grep -qx many/one "$WORK/out" || fail "diff of the replaced directory: $(grep many "$WORK/out" | head -3)"
ctr snapshots --snapshotter ross commit made work
[ "$(names_of_kind Committed | grep -c made)" = 1 ] || fail "commit: $(rows)"
ctr snapshots --snapshotter ross rm "$top" 2>"$WORK/err" && fail "removed a parent"
grep -q remove "$WORK/err" || fail "message: $(cat "$WORK/err")"
ctr snapshots --snapshotter ross view v made >/dev/null
removed() { # the view may be the garbage collector's already
    local list
    ctr snapshots --snapshotter ross rm v || true
    ctr snapshots --snapshotter ross rm made || true
    # a collector that took the view leaves its name with the parent, which only it can remove then, once ctr's own label does not hold it
    ctr snapshots --snapshotter ross label made containerd.io/gc.root= >/dev/null 2>&1 || true
    ctr content prune references >/dev/null 2>&1 || true
    list=$(rows) && ! grep -q '^made ' <<<"$list"
}
wait_for 10 removed || fail "rm: $(removed 2>&1)"
ctr snapshots --snapshotter ross info made >/dev/null 2>&1 && fail "removed snapshot is still there"

# --- containers live on when the snapshotter is killed; restarts of both find everything ---
ctr run -d --snapshotter ross "$REGISTRY/layers:gzip" live-$$ sleep 1000
kill_snapshotter
[ "$(ctr task exec --exec-id e1 live-$$ cat /etc/old)" = newer ] || fail "exec while the snapshotter is dead"
start_snapshotter
reconnected
prints b ctr run --rm --snapshotter ross "$REGISTRY/layers:gzip" second-$$ cat /becomes-dir/inside || fail "run after the restart"
kill -TERM "$CD_PID"; wait "$CD_PID" 2>/dev/null || true
launch_containerd
kill_snapshotter
start_snapshotter
reconnected
[ "$(ctr task exec --exec-id e2 live-$$ cat /etc/old)" = newer ] || fail "exec after both restarted"
prints file ctr run --rm --snapshotter ross "$REGISTRY/layers:gzip" third-$$ cat /replaced || fail "run after both restarted"
ctr task kill -s SIGKILL live-$$
wait_for 10 sh -c "$CD_BIN/ctr --address $CD_ADDRESS task ls | grep -q 'live-$$.*STOPPED'" || fail "kill"
ctr task rm live-$$ >/dev/null 2>&1 || true
ctr containers rm live-$$

# --- zstd layers; and a pull during which the snapshotter dies again and again succeeds in the end ---
ctr images rm --sync "$REGISTRY/layers:gzip" >/dev/null
ctr content prune references >/dev/null 2>&1 || true
wait_for 20 sh -c "[ -z \"\$($CD_BIN/ctr --address $CD_ADDRESS snapshots --snapshotter ross ls | tail -n +2)\" ]" || fail "snapshots are left: $(rows)"
for i in 1 2 3 4 5 6; do
    pull ross "$REGISTRY/layers:zstd" & puller=$!
    sleep "0.0$i"
    kill_snapshotter
    start_snapshotter
    wait $puller && break || true
done
reconnected
# the way to the differ comes back later than that to the snapshotter
wait_for 10 pull ross "$REGISTRY/layers:zstd" || fail "pull after the kills: $(tail -3 "$WORK/pull.log")"
look ross "$(chain ross | grep sha256)" "$WORK/tree-zstd"
pull overlayfs "$REGISTRY/layers:zstd" || fail "pull with overlayfs"
look overlayfs "$(chain overlayfs | grep sha256)" "$WORK/tree-overlayfs"
diff -u "$WORK/tree-overlayfs" "$WORK/tree-zstd" || fail "trees differ after the kills"

# --- garbage collection leaves no row and no directory ---
ctr images rm --sync "$REGISTRY/layers:zstd" >/dev/null
nothing_left() { [ -z "$(rows)" ] && [ -z "$(ls "$ROSS_ROOT/snapshots")" ]; }
for i in $(seq 100); do
    nothing_left && break
    # a pull that was killed leaves a lease behind that keeps its snapshots until it is deleted
    for lease in $(ctr leases ls -q 2>/dev/null); do ctr leases rm --sync "$lease" >/dev/null 2>&1 || true; done
    sleep 0.2
done
nothing_left || fail "left: $(rows) directories: $(ls "$ROSS_ROOT/snapshots")"
kill -TERM "$SN_PID"; wait "$SN_PID" || fail "ross-snapshotter ended with $?"
"$BIN/ross-snapshotter" check --root "$ROSS_ROOT" --state "$ROSS_STATE" || fail "check finds damage"
