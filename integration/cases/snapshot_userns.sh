#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Inside a user namespace the mounts carry `userxattr`, and work: a removed directory of a lower layer stays removed.
# The differ unpacks there too.
. "$(dirname "$0")/../lib/common.sh"
need ctr unshare
unshare -Urm true 2>/dev/null || skip "this host allows no user namespaces"
export WORK BIN ROSS_ROOT ROSS_STATE
mkdir -p "$ROSS_ROOT" "$ROSS_STATE" "$WORK/mnt"
cat >"$WORK/inside" <<'S'
set -euo pipefail
"$BIN/ross-snapshotter" >"$WORK/log" 2>&1 &
pid=$!
trap 'kill $pid; wait $pid || true' EXIT
for i in $(seq 600); do [ -S "$ROSS_STATE/snapshotter.sock" ] && break; sleep 0.1; done
snap() { ctr --address "$ROSS_STATE/snapshotter.sock" snapshots --snapshotter ross "$@"; }
mounted() { snap mounts "$WORK/mnt" "$1" >"$WORK/cmd"; sh -e "$WORK/cmd"; }
snap prepare a ""
mounted a; mkdir -p "$WORK/mnt/dir/sub"; touch "$WORK/mnt/dir/file" "$WORK/mnt/file"; umount "$WORK/mnt"
snap commit l1 a
snap prepare b l1
snap mounts "$WORK/mnt" b >"$WORK/cmd"
grep -q userxattr "$WORK/cmd" || { echo "no userxattr: $(cat "$WORK/cmd")"; exit 1; }
mounted b; rm -r "$WORK/mnt/dir" "$WORK/mnt/file"; mkdir "$WORK/mnt/dir"; touch "$WORK/mnt/dir/new"; umount "$WORK/mnt"
snap commit l2 b
snap view v l2
mounted v
[ "$(ls "$WORK/mnt")" = dir ] && [ "$(ls "$WORK/mnt/dir")" = new ] || { ls -R "$WORK/mnt"; exit 1; }
umount "$WORK/mnt"
S
unshare -Urm bash "$WORK/inside" >"$WORK/out" 2>&1 || { cat "$WORK/out" "$WORK/log"; fail "inside the user namespace"; }
"$BIN/ross-snapshotter" check || fail "check"
