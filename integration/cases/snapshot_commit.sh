#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A container is committed to an image through our differ as proxy plugin (as nerdctl commit does it, with containerd's own Go client), and the image
# runs: from our snapshotter, and unpacked by containerd's overlayfs.
# variants: 1.7 2.1
# limit: 900s
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/containerd.sh"
. "$(dirname "$0")/../lib/go_program.sh"
need skopeo umoci runc jq
version=$1
go_program build conformance/commit commit rootfs

sock=$ROSS_STATE/snapshotter.sock
cat >"$WORK/proxy.toml" <<S
[proxy_plugins]
  [proxy_plugins.ross]
    type = "snapshot"
    address = "$sock"
  [proxy_plugins.ross-diff]
    type = "diff"
    address = "$sock"
[plugins."io.containerd.service.v1.diff-service"]
  default = ["ross-diff"]
S
"$BIN/ross-snapshotter" --root "$ROSS_ROOT" --state "$ROSS_STATE" --content-address "$WORK/containerd-$version/c.sock" >"$WORK/snapshotter.log" 2>&1 &
PIDS+=($!)
wait_for 10 test -S "$sock" || fail "ross-snapshotter does not start"
start_registry
push_demo demo:1
start_containerd "$version" "$WORK/proxy.toml"
flags=()
[ "$version" = 2.1 ] && flags+=(--local)
ctr images pull --snapshotter ross --plain-http "${flags[@]}" "$REGISTRY/demo:1" >"$WORK/pull.log" 2>&1 || fail "pull: $(tail -3 "$WORK/pull.log")"

ctr run --snapshotter ross "$REGISTRY/demo:1" "made-$$" sh -c 'echo committed >/etc/made; rm /bin/false; mkdir -p /new/dir; ln /etc/made /new/dir/link' ||
    fail "run of what is committed"
layer=$("$WORK/commit" "$CD_ADDRESS" ross "made-$$" local/committed:1) || fail "commit"
ctr containers rm "made-$$"
[ "$(ctr images ls -q | grep -c local/committed)" = 1 ] || fail "the image is not there"
ctr content get "$layer" | tar tzf - | sort >"$WORK/out"
grep -qx 'etc/made' "$WORK/out" && grep -qx 'bin/.wh.false' "$WORK/out" || fail "the layer holds $(cat "$WORK/out")"

ctr images rm --sync "$REGISTRY/demo:1" >/dev/null # the new image stands on its own
for by in ross overlayfs; do
    [ "$(ctr run --rm --snapshotter $by local/committed:1 "run-$by-$$" sh -c 'cat /new/dir/link; [ ! -e /bin/false ] || echo still there')" = committed ] ||
        fail "the image does not run with $by"
done
