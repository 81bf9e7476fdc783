#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ross-contentd, ross-snapshotter (Snapshots and Diff) and the shim together in one containerd: pull, run, push, export and import, kill -9 of
# the store in the middle of a pull, collection of everything that nobody refers to and of nothing else.
# variants: 1.6 1.7 2.1
# limit: 600s
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/containerd.sh"
need skopeo umoci runc jq
version=$1
plugin=$ROSS_STATE/contentd-plugin.sock
id=together-$$ # the runtime knows containers of every containerd of the host

start_contentd() {
    "$BIN/ross-contentd" --root "$ROSS_ROOT" --state "$ROSS_STATE" --log-level debug 2>>"$WORK/contentd.log" &
    CONTENTD_PID=$!
    PIDS+=("$CONTENTD_PID")
    wait_for 10 test -S "$plugin" || fail "ross-contentd does not start: $(tail -3 "$WORK/contentd.log")"
}
blobs() { ls "$ROSS_ROOT/content/blobs/sha256"; }
snapshots() { ls "$ROSS_ROOT/snapshots" | wc -l; }

start_registry
push_demo demo:1
mkdir "$WORK/extra"
head -c 60000000 /dev/urandom >"$WORK/extra/random"
umoci insert --image "$WORK/demo:demo:latest" --tag large --no-history "$WORK/extra" /extra >/dev/null 2>&1 ||
    umoci insert --image "$WORK/demo:demo:latest" --tag large "$WORK/extra" /extra >/dev/null
skopeo copy -q --dest-tls-verify=false "oci:$WORK/demo:large" "docker://$REGISTRY/large:1"

start_contentd
# layers that Diff makes must be known to the containerd, so it writes them there
"$BIN/ross-snapshotter" --root "$ROSS_ROOT" --state "$ROSS_STATE" --content-address "$WORK/containerd/c.sock" >>"$WORK/snapshotter.log" 2>&1 &
PIDS+=($!)
wait_for 10 test -S "$ROSS_STATE/snapshotter.sock" || fail "ross-snapshotter does not start: $(tail -3 "$WORK/snapshotter.log")"
containerd_bin "$version"
CD_DIR=$WORK/containerd
CD_ADDRESS=$CD_DIR/c.sock
mkdir -p "$CD_DIR"
# 1.6 has no proxy of type diff
diff_order='"walking"' diff_proxy=
if [ "$version" != 1.6 ]; then
    diff_order='"ross-diff", "walking"'
    diff_proxy="
  [proxy_plugins.ross-diff]
    type = \"diff\"
    address = \"$ROSS_STATE/snapshotter.sock\""
fi
cat >"$CD_DIR/config.toml" <<S
version = 2
root = "$CD_DIR/root"
state = "$CD_DIR/state"
disabled_plugins = ["io.containerd.content.v1.content", "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images"]
[grpc]
  address = "$CD_ADDRESS"
[ttrpc]
  address = "$CD_ADDRESS.ttrpc"
[plugins."io.containerd.service.v1.diff-service"]
  default = [$diff_order]
[proxy_plugins]
  [proxy_plugins.ross-content]
    type = "content"
    address = "$plugin"
  [proxy_plugins.ross]
    type = "snapshot"
    address = "$ROSS_STATE/snapshotter.sock"$diff_proxy
S
launch_containerd
local_flag=()
[ "$version" = 2.1 ] && local_flag=(--local)
pull() { ctr images pull --snapshotter ross --plain-http "${local_flag[@]}" "$@" >"$WORK/pull.log" 2>&1; }
run() { ctr run --rm --snapshotter ross --runtime io.containerd.ross.v2 "$@"; }

# --- pull and run ---
pull "$REGISTRY/demo:1" || fail "pull: $(tail -3 "$WORK/pull.log")"
prints hello run "$REGISTRY/demo:1" "$id-1" /bin/busybox echo hello || fail "run does not print"
expect "$(ctr content ls -q | sed s/sha256:// | sort)" blobs

# --- push, export, import into a second namespace, run there ---
ctr images push --plain-http "${local_flag[@]}" "$REGISTRY/pushed:1" "$REGISTRY/demo:1" >/dev/null || fail "push"
ctr images export "${local_flag[@]}" "$WORK/out.tar" "$REGISTRY/demo:1"
ctr -n second images import --snapshotter ross "${local_flag[@]}" "$WORK/out.tar" >"$WORK/import" 2>&1 || fail "import: $(cat "$WORK/import")"
expect "$(ctr images ls "name==$REGISTRY/demo:1" | awk 'NR == 2 {print $3}')" \
    sh -c "$CD_BIN/ctr --address $CD_ADDRESS -n second images ls | awk 'NR == 2 {print \$3}'"
prints again ctr -n second run --rm --snapshotter ross --runtime io.containerd.ross.v2 "$(ctr -n second images ls -q | first)" "$id-4" /bin/busybox echo again || fail "run does not print"

# --- a container's changes become a layer in our store, and can be read back ---
ctr run -d --snapshotter ross --runtime io.containerd.ross.v2 "$REGISTRY/demo:1" "$id-writer" /bin/busybox sh -c 'echo written >/written; exec sleep 1000' >/dev/null
wait_for 10 sh -c "$CD_BIN/ctr --address $CD_ADDRESS task exec --exec-id look $id-writer /bin/busybox test -s /written" || fail "the container does not write"
ctr snapshots --snapshotter ross diff "$id-writer" >"$WORK/layer" || fail "snapshots diff"
tar -xOzf "$WORK/layer" written 2>/dev/null | finds -x written || tar -xOf "$WORK/layer" written | finds -x written || fail "the layer lacks the file"
ctr task kill -s SIGKILL "$id-writer"
wait_for 10 sh -c "$CD_BIN/ctr --address $CD_ADDRESS task ls | grep -q '$id-writer.*STOPPED'" || fail "kill"
ctr task rm "$id-writer" >/dev/null 2>&1 || true
ctr container rm "$id-writer"

# --- kill -9 of the store in the middle of a pull ---
ctr images tag "${local_flag[@]}" --force "$REGISTRY/demo:1" gone:1 >/dev/null
ctr images rm --sync gone:1 >/dev/null
kept=$(blobs) kept_snapshots=$(snapshots)
pull "$REGISTRY/large:1" &
puller=$!
arrived() { ! kill -0 "$puller" 2>/dev/null || [ "$(cat "$ROSS_ROOT"/content/ingest/* 2>/dev/null | wc -c)" -ge 20000000 ]; }
wait_for 20 arrived || fail "nothing arrives"
kill -KILL "$CONTENTD_PID"
wait "$CONTENTD_PID" 2>/dev/null || true
rm -f "$plugin"
start_contentd
wait "$puller" || true
# containerd tries its way to the plugin again with a back-off, and fails calls meanwhile
wait_for 10 pull "$REGISTRY/large:1" || fail "pull after kill -9: $(tail -3 "$WORK/pull.log")"
# containerd's collector may take one away meanwhile
for b in $(blobs); do [ "$(sha256sum "$ROSS_ROOT/content/blobs/sha256/$b" 2>/dev/null | cut -d' ' -f1)" = "$b" ] || [ ! -e "$ROSS_ROOT/content/blobs/sha256/$b" ] || fail "blob $b is wrong"; done
prints 60000000 run "$REGISTRY/large:1" "$id-2" /bin/busybox stat -c %s /extra/random || fail "run does not print"

# --- what nobody refers to goes, and nothing else ---
ctr images rm --sync "$REGISTRY/large:1" >/dev/null
settled() { [ "$(blobs)" = "$kept" ] && [ "$(snapshots)" = "$kept_snapshots" ]; }
wait_for 20 settled || fail "not what it was before: $(blobs; ls "$ROSS_ROOT/snapshots"), not $kept $kept_snapshots"
prints hello run "$REGISTRY/demo:1" "$id-3" /bin/busybox echo hello || fail "run does not print"
for image in $(ctr -n second images ls -q); do ctr -n second images rm --sync "$image" >/dev/null; done
# our differ holds what it made for an hour, as a containerd does not forward its caller's lease
for lease in $(ctr leases ls -q | grep '^ross-diff-' || true); do ctr leases rm "$lease" >/dev/null; done
ctr images rm --sync "$REGISTRY/demo:1" >/dev/null
empty() { [ -z "$(blobs)" ] && [ "$(snapshots)" = 0 ]; }
wait_for 20 empty || fail "left: $(blobs) $(ls "$ROSS_ROOT/snapshots"); $(ctr content ls; ctr leases ls)"
