#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A scripted registry misbehaves in every way that fakes/registry_cases/ lists: the pull copes, or says in one sentence what is wrong,
# and leaves nothing half-made behind.
. "$(dirname "$0")/../lib/common.sh"
need python3 jq
demo_layout
layer=$(jq -r '.manifests[0].digest' "$WORK/demo/index.json" | tr : /)
layer_digest=$(jq -r '.layers[0].digest' "$WORK/demo/blobs/$layer")
config_digest=$(jq -r '.config.digest' "$WORK/demo/blobs/$layer")
manifest_digest=$(jq -r '.manifests[0].digest' "$WORK/demo/index.json")

expand() { local s=$1; s=${s//LAYER/$layer_digest}; s=${s//CONFIG/$config_digest}; echo "${s//MANIFEST/$manifest_digest}"; }

# the directory of a removed snapshot goes a moment later
no_snapshot() { [ -z "$(find "$ROSS_ROOT/snapshots" -mindepth 1 -maxdepth 1 -type d 2>/dev/null)" ]; }

nothing_half_made() {
    [ -z "$(find "$ROSS_STATE" -name 'unpack-*.lock' 2>/dev/null)" ] || fail "$1: a lock file is left"
    ! grep -q " $WORK/" /proc/self/mountinfo || fail "$1: a mount is left"
    if [ "$2" != 0 ]; then
        [ "$(ross images --format json)" = "[]" ] || fail "$1: an image record is left"
        wait_for 5 no_snapshot || fail "$1: a snapshot is left: $(ls "$ROSS_ROOT/snapshots")"
    fi
}

run_case() {
    local file=$1 name want says budget pulls got=0 dir started
    name=$(basename "$file" .json)
    dir=$WORK/fake-$name
    # every case has a store of its own
    export ROSS_ROOT=$WORK/root-$name ROSS_STATE=$WORK/state-$name
    python3 "$HERE/fakes/registry.py" "$WORK/demo" latest "$file" "$dir" 2>"$WORK/fake-$name.log" &
    local fake=$!
    PIDS+=("$fake")
    wait_for 10 test -s "$dir/port" || fail "$name: the fake registry does not start: $(cat "$WORK/fake-$name.log")"
    want=$(jq -r .exit "$file") says=$(expand "$(jq -r '.says // ""' "$file")") budget=$(jq -r '.budget // 20' "$file") pulls=$(jq -r '.pulls // 1' "$file")
    started=$SECONDS
    while [ "$pulls" -gt 0 ]; do
        got=0
        ross image pull -q --plain-http "127.0.0.1:$(cat "$dir/port")/img:latest" >"$WORK/out" 2>"$WORK/err" || got=$?
        pulls=$((pulls - 1))
    done
    [ "$got" = "$want" ] || fail "$name: exit $got, not $want: $(cat "$WORK/err"); requests: $(cat "$dir/requests")"
    [ $((SECONDS - started)) -le $((6 * budget)) ] || fail "$name: took longer than $budget s, and a busy machine's five times that"
    if [ "$want" != 0 ]; then
        grep -qF -- "$says" "$WORK/err" || fail "$name: '$says' is not in: $(cat "$WORK/err")"
        [ "$(wc -l <"$WORK/err")" = 1 ] || fail "$name: more than one line: $(cat "$WORK/err")"
        [ ! -s "$WORK/out" ] || fail "$name: prints although it failed: $(cat "$WORK/out")"
    else
        expect "$manifest_digest" cat "$WORK/out"
    fi
    kill -TERM "$fake"
    wait "$fake" || true
    [ ! -s "$dir/complaints" ] || fail "$name: $(cat "$dir/complaints") requests: $(cat "$dir/requests")"
    nothing_half_made "$name" "$want"
    echo "$name: $(jq -r .what "$file")"
}

for file in "$HERE"/fakes/registry_cases/*.json; do run_case "$file"; done
