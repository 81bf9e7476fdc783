#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ross-contentd as containerd's content plugin (the built-in one disabled): pull, run, push, import, export, garbage collection, and
# a kill -9 of the store in the middle of a pull.
# variants: 1.6 1.7 2.1
# limit: 600s
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/containerd.sh"
need skopeo umoci runc jq
version=$1
plugin=$ROSS_STATE/contentd-plugin.sock
has() { finds "$@"; }

start_contentd() {
    "$BIN/ross-contentd" --root "$ROSS_ROOT" --state "$ROSS_STATE" --log-level debug 2>>"$WORK/contentd.log" &
    CONTENTD_PID=$!
    PIDS+=("$CONTENTD_PID")
    wait_for 10 test -S "$plugin" || fail "ross-contentd does not start: $(tail -3 "$WORK/contentd.log")"
}
blobs() { ls "$ROSS_ROOT/content/blobs/sha256"; }
check_blobs() {
    local b sum
    for b in $(blobs); do
        # containerd's collector may take one away meanwhile
        sum=$(sha256sum "$ROSS_ROOT/content/blobs/sha256/$b" 2>/dev/null | cut -d" " -f1) || true
        [ "$sum" = "$b" ] || [ ! -e "$ROSS_ROOT/content/blobs/sha256/$b" ] || fail "blob $b is not what its name says"
    done
}

start_registry
push_demo demo:1
# the same with a layer that takes a while
mkdir "$WORK/extra"
head -c 120000000 /dev/urandom >"$WORK/extra/random"
umoci insert --image "$WORK/demo:demo:latest" --tag large --no-history "$WORK/extra" /extra >/dev/null 2>&1 ||
    umoci insert --image "$WORK/demo:demo:latest" --tag large "$WORK/extra" /extra >/dev/null
skopeo copy -q --dest-tls-verify=false "oci:$WORK/demo:large" "docker://$REGISTRY/large:1"

start_contentd
containerd_bin "$version"
CD_DIR=$WORK/containerd
CD_ADDRESS=$CD_DIR/c.sock
mkdir -p "$CD_DIR"
cat >"$CD_DIR/config.toml" <<S
version = 2
root = "$CD_DIR/root"
state = "$CD_DIR/state"
disabled_plugins = ["io.containerd.content.v1.content", "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images"]
[grpc]
  address = "$CD_ADDRESS"
[ttrpc]
  address = "$CD_ADDRESS.ttrpc"
[proxy_plugins]
  [proxy_plugins.ross]
    type = "content"
    address = "$plugin"
S
launch_containerd
local_flag=()
[ "$version" = 2.1 ] && local_flag=(--local)
pull() { ctr images pull --plain-http "${local_flag[@]}" "$@" >"$WORK/pull.log" 2>&1; }

# --- pull and run ---
pull "$REGISTRY/demo:1" || fail "pull: $(tail -3 "$WORK/pull.log")"
prints hello ctr run --rm "$REGISTRY/demo:1" c1 /bin/busybox echo hello || fail "run does not print"
[ ! -e "$CD_DIR/root/io.containerd.content.v1.content/blobs" ] || fail "containerd has a content store of its own"
expect "$(ctr content ls -q | sed s/sha256:// | sort)" blobs
check_blobs

# --- verbs ---
first=$(ctr content ls -q | sed -n 1p)
expect "${first#sha256:}" sh -c "$CD_BIN/ctr --address $CD_ADDRESS content get $first | sha256sum | cut -d' ' -f1"
ctr content label "$first" a=b >/dev/null
ctr content ls | has "$first.*a=b" || fail "content label"
ctr images tag "${local_flag[@]}" "$REGISTRY/demo:1" "$REGISTRY/demo:2" >/dev/null
ctr images push --plain-http "${local_flag[@]}" "$REGISTRY/pushed:1" "$REGISTRY/demo:1" >/dev/null || fail "push"
expect "$(skopeo inspect --tls-verify=false "docker://$REGISTRY/demo:1" --format '{{.Digest}}')" \
    skopeo inspect --tls-verify=false "docker://$REGISTRY/pushed:1" --format '{{.Digest}}'
ctr images export "${local_flag[@]}" "$WORK/out.tar" "$REGISTRY/demo:1"
ctr -n second images import --no-unpack "${local_flag[@]}" "$WORK/out.tar" >/dev/null
expect "$( (ctr content ls -q; ctr -n second content ls -q) | sed s/sha256:// | sort -u)" blobs

# --- garbage collection: what nobody refers to goes, and nothing else ---
collect() { # what the import left unreferenced goes first
    ctr images tag "${local_flag[@]}" --force "$REGISTRY/demo:1" gone:1 >/dev/null
    ctr images rm --sync gone:1 >/dev/null
}
collect
kept=$(blobs)
pull "$REGISTRY/large:1" || fail "pull large: $(tail -3 "$WORK/pull.log")"
[ "$(blobs)" != "$kept" ] || fail "the second image brought no blob"
ctr images rm --sync "$REGISTRY/large:1" >/dev/null
expect "$kept" blobs
prints hello ctr run --rm "$REGISTRY/demo:1" c2 /bin/busybox echo hello || fail "run does not print"

# --- kill -9 in the middle of a pull ---
for step in 20000000 60000000; do
    pull "$REGISTRY/large:1" &
    puller=$!
    arrived() { ! kill -0 "$puller" 2>/dev/null || [ "$(cat "$ROSS_ROOT"/content/ingest/* 2>/dev/null | wc -c)" -ge "$step" ]; }
    wait_for 120 arrived || fail "nothing arrives"
    kill -KILL "$CONTENTD_PID"
    wait "$CONTENTD_PID" 2>/dev/null || true
    rm -f "$plugin"
    start_contentd
    wait "$puller" || true
    check_blobs
    # containerd tries its way to the plugin again with a back-off, and fails calls meanwhile
    wait_for 10 pull "$REGISTRY/large:1" || fail "pull after kill -9: $(tail -3 "$WORK/pull.log")"
    check_blobs
    ctr images rm --sync "$REGISTRY/large:1" >/dev/null
done
expect "$kept" blobs

# --- everything goes ---
ctr images rm "$REGISTRY/demo:2" >/dev/null
ctr images rm --sync "$REGISTRY/demo:1" >/dev/null
for image in $(ctr -n second images ls -q); do ctr -n second images rm --sync "$image" >/dev/null; done
expect "" blobs
expect "" sh -c "ls $ROSS_ROOT/content/ingest"
! grep -E 'level=(warn|error)' "$WORK/contentd.log" || fail "the log has warnings"
