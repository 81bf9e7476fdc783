#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ross-cli containerd enable, status, disable with a real containerd: what it writes is understood and works, and is taken back to
# the byte, whatever the file looked like.
# variants: 1.6 1.7 2.1
# limit: 400s
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/containerd.sh"
need skopeo runc jq
version=$1
containerd_bin "$version"
CD_DIR=$WORK/containerd
CD_ADDRESS=$CD_DIR/c.sock
config=$CD_DIR/config.toml
mkdir -p "$CD_DIR/conf.d"
places="root = \"$CD_DIR/root\"
state = \"$CD_DIR/state\"
[grpc]
  address = \"$CD_ADDRESS\"
[ttrpc]
  address = \"$CD_ADDRESS.ttrpc\""
case $version in 2.*) cri=io.containerd.cri.v1.runtime new=3 ;; *) cri=io.containerd.grpc.v1.cri new=2 ;; esac
export PATH=$BIN:$PATH
manage() { local verb=$1; shift; ross containerd "$verb" --config "$config" "$@"; }
enable() { manage enable --containerd "$CD_BIN/containerd" "$@"; }
effective() { "$CD_BIN/containerd" --config "$config" config dump; }

# round_trip [OPTION…]: enabled, understood, and disabled: all files are as before
round_trip() {
    (cd "$CD_DIR" && find . -name '*.toml' -exec sha256sum {} + | sort) >"$WORK/before"
    enable "$@" >"$WORK/out" || fail "enable $*"
    grep -q 'systemctl restart containerd' "$WORK/out" || fail "enable does not say what is next: $(cat "$WORK/out")"
    effective | grep -A3 -F '[proxy_plugins.ross]' | finds "$ROSS_STATE/snapshotter.sock" || fail "containerd does not see the snapshotter: $(cat "$config")"
    enable "$@" | finds 'nothing to change' || fail "a second enable changes something"
    manage disable >"$WORK/out" || fail "disable"
    (cd "$CD_DIR" && find . -name '*.toml' -exec sha256sum {} + | sort) | diff "$WORK/before" - || fail "disable leaves something: $(cat "$config")"
}

echo "- files of several shapes"
case $version in 1.6) more=(--content --cri --default-runtime --default-snapshotter) ;; *) more=(--content --differ --cri --default-runtime --default-snapshotter) ;; esac
round_trip
for options in "" "${more[*]}"; do
    # shellcheck disable=SC2086
    {
        printf 'version = 2\n%s\n' "$places" >"$config" && round_trip $options
        printf '# by hand\nversion = %s\n%s' "$new" "$places" >"$config" && round_trip $options
        printf 'version = 2\ndisabled_plugins = [\n  "io.containerd.snapshotter.v1.zfs", # none here\n]\n%s\n[plugins]\n  [plugins."io.containerd.grpc.v1.cri".containerd]\n    snapshotter = "native"\n' "$places" >"$config" && round_trip $options
        "$CD_BIN/containerd" config default >"$config" && round_trip $options
    }
done
if [ "$version" != 2.1 ]; then printf '%s\n' "$places" >"$config"; round_trip; fi

echo "- an imported folder"
printf 'version = 2\noom_score = -1\n' >"$CD_DIR/conf.d/other.toml"
printf 'version = 2\nimports = ["conf.d/*.toml"]\n%s\n' "$places" >"$config"
round_trip --cri
printf 'version = 2\nimports = ["%s/conf.d/*.toml"]\n%s\n' "$CD_DIR" "$places" >"$config"
cp "$config" "$WORK/main.toml"
round_trip --cri
enable --cri >/dev/null
[ -s "$CD_DIR/conf.d/ross.toml" ] && cmp -s "$config" "$WORK/main.toml" || fail "not in a file of its own"
effective | finds -F "io.containerd.ross.v2" || fail "the handler is not seen"
enable --content --cri >/dev/null || fail "from the folder into the file"
[ ! -e "$CD_DIR/conf.d/ross.toml" ] || fail "the file of its own stays"
manage disable >/dev/null
cmp "$config" "$WORK/main.toml" || fail "disable leaves something"
rm "$CD_DIR/conf.d/other.toml"

echo "- refusals change nothing"
printf 'version = 2\n%s\n[proxy_plugins.ross]\n  type = "snapshot"\n  address = "/elsewhere"\n' "$places" >"$config"
sum=$(sha256sum "$config")
expect_fail 125 '[proxy_plugins.ross] already' enable
manage disable | finds 'written by hand' || fail "disable does not tell a file written by hand"
[ "$(sha256sum "$config")" = "$sum" ] || fail "a refusal changed the file"
printf 'version = 2\n%s\ndisabled_plugins = ["cri"]\n' "root = \"$CD_DIR/root\"" >"$config"
expect_fail 125 "disables the plugin 'cri'" enable --cri
printf 'version = 2\n%s\n' "$places" >"$config"
expect_fail 125 "no program 'no-such'" manage enable --containerd no-such
expect_fail 125 "ended with 1" manage enable --containerd /bin/false
printf '#!/bin/sh\n[ "$1" != --version ] || { echo "containerd x %s.0"; exit 0; }\necho "no, thanks" >&2\nexit 3\n' "$version" >"$WORK/stubborn"
chmod +x "$WORK/stubborn"
sum=$(sha256sum "$config")
expect_fail 125 "no, thanks" manage enable --containerd "$WORK/stubborn"
[ "$(sha256sum "$config")" = "$sum" ] || fail "the file that containerd refused stays"
expect_fail 2 'unknown option' manage enable --no-such-option
enable --dry-run | finds -F '[proxy_plugins.ross]' || fail "--dry-run does not show"
[ "$(sha256sum "$config")" = "$sum" ] || fail "--dry-run changed the file"
got=0; manage status --containerd "$CD_BIN/containerd" >"$WORK/out" || got=$?
[ $got = 1 ] && grep -q 'not enabled' "$WORK/out" || fail "status before: $got $(cat "$WORK/out")"

echo "- in use"
enable --cri >/dev/null
# this state folder has no snapshotter yet
"$BIN/ross-snapshotter" --root "$ROSS_ROOT" --state "$ROSS_STATE" >>"$WORK/snapshotter.log" 2>&1 &
PIDS+=($!)
wait_for 10 test -S "$ROSS_STATE/snapshotter.sock" || fail "ross-snapshotter does not start: $(tail -3 "$WORK/snapshotter.log")"
launch_containerd
ctr plugins ls | grep -E '^io.containerd.snapshotter.v1 +ross .*ok' || fail "ctr plugins ls: $(ctr plugins ls)"
manage status --containerd "$CD_BIN/containerd" >"$WORK/out" || fail "status: $(cat "$WORK/out")"
[ "$(manage status --containerd "$CD_BIN/containerd" --format json | jq -c 'map(.fine) | unique')" = '[true]' ] || fail "status: $(cat "$WORK/out")"
start_registry
push_demo demo:1
# as the page says; 2.x pulls through its transfer service, which was told about us
ctr images pull --snapshotter ross --plain-http "$REGISTRY/demo:1" >"$WORK/out" 2>&1 || fail "pull: $(tail -3 "$WORK/out")"
prints hello ctr run --rm --snapshotter ross --runtime io.containerd.ross.v2 "$REGISTRY/demo:1" one echo hello || fail "run does not print"
ctr images pull --plain-http "$REGISTRY/demo:1" >"$WORK/out" 2>&1 || fail "pull for the other snapshotter: $(tail -3 "$WORK/out")"
ctr images rm --sync "$REGISTRY/demo:1" >/dev/null
cp "$config" "$WORK/enabled.toml"
manage disable >/dev/null
[ "$(sha256sum "$config")" = "$sum" ] || fail "disable leaves something: $(diff "$config" "$WORK/enabled.toml")"
kill "$CD_PID"; wait "$CD_PID" 2>/dev/null || true
launch_containerd
! ctr plugins ls | grep -E '^io.containerd.snapshotter.v1 +ross ' || fail "the plugin is there after disable"
