#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A real containerd with our snapshotter as proxy plugin and our shim as runtime: pull, run, exit codes, removal.
# variants: 1.6 1.7 2.1
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/containerd.sh"
need skopeo jq runc
version=$1
start_registry
push_demo demo:1

cat >"$WORK/proxy.toml" <<T
[proxy_plugins]
  [proxy_plugins.ross]
    type = "snapshot"
    address = "$WORK/state/snapshotter.sock"
T
start_snapshotter() {
    "$BIN/ross-snapshotter" --root "$ROSS_ROOT" --state "$ROSS_STATE" --content-address "$WORK/containerd-$version/c.sock" >>"$WORK/snapshotter.log" 2>&1 &
    PIDS+=($!)
    wait_for 10 test -S "$ROSS_STATE/snapshotter.sock" || fail "ross-snapshotter does not start: $(tail -3 "$WORK/snapshotter.log")"
}
start_snapshotter
start_containerd "$version" "$WORK/proxy.toml"
# 2.x pulls through its transfer service unless told otherwise; that one wants an unpack_config
pull=(images pull --snapshotter ross --plain-http)
[ "$version" = 2.1 ] && pull+=(--local)
ctr "${pull[@]}" "$REGISTRY/demo:1" >"$WORK/out" 2>&1 || { tail -5 "$WORK/out"; fail "pull"; }
run=(run --rm --snapshotter ross --runtime io.containerd.ross.v2)
prints hello ctr "${run[@]}" "$REGISTRY/demo:1" one echo hello || fail "run does not print"
got=0; ctr "${run[@]}" "$REGISTRY/demo:1" two sh -c 'exit 7' || got=$?
[ $got = 7 ] || fail "exit code $got instead of 7"
prints in fed in ctr "${run[@]}" "$REGISTRY/demo:1" three cat || fail "stdin"
ctr snapshots --snapshotter ross ls | finds Committed || fail "no committed snapshot"
ctr run -d --snapshotter ross --runtime io.containerd.ross.v2 "$REGISTRY/demo:1" four sleep 1000
ctr task ls | finds 'four.*RUNNING' || fail "detached task does not run"
[ "$(ctr task exec --exec-id e1 four echo inside)" = inside ] || fail "exec"
ctr task kill -s SIGKILL four
wait_for 10 sh -c "$CD_BIN/ctr --address $CD_ADDRESS task ls | grep -q 'four.*STOPPED'" || fail "kill"
ctr task rm four >/dev/null 2>&1 || true
ctr container rm four
ctr images rm --sync "$REGISTRY/demo:1" >/dev/null
wait_for 20 sh -c "[ \$($CD_BIN/ctr --address $CD_ADDRESS snapshots --snapshotter ross ls | wc -l) = 1 ]" || fail "snapshots are left: $(ctr snapshots --snapshotter ross ls)"
wait_for 20 sh -c "[ -z \"\$(ls $ROSS_ROOT/snapshots)\" ]" || fail "directories are left: $(ls "$ROSS_ROOT/snapshots")"
