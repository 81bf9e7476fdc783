#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A full disk under ROOT: pull, load and import fail with one sentence and leave nothing half-made; with room again they succeed. tmpfs and ext4.
. "$(dirname "$0")/../lib/common.sh"
need skopeo jq umoci mkfs.ext4
start_registry
push_demo demo:1
umoci init --layout "$WORK/large"
umoci new --image "$WORK/large:large"
mkdir "$WORK/tree"
# compresses well: the blob fits where the files do not
head -c 60000000 /dev/zero >"$WORK/tree/file"
umoci insert --image "$WORK/large:large" "$WORK/tree" /data
skopeo copy -q --dest-tls-verify=false "oci:$WORK/large:large" "docker://$REGISTRY/large:1"
# does not compress: not even the blob fits
head -c 60000000 /dev/urandom >"$WORK/tree/file"
umoci new --image "$WORK/large:noise"
umoci insert --image "$WORK/large:noise" "$WORK/tree" /data
skopeo copy -q --dest-tls-verify=false "oci:$WORK/large:noise" "docker://$REGISTRY/noise:1"
tar -C "$WORK/tree" -cf "$WORK/noise.tar" .

no_snapshot() { [ -z "$(find "$ROSS_ROOT/snapshots" -mindepth 1 -maxdepth 1 -type d 2>/dev/null)" ]; }
nothing_half_made() {
    [ "$(ross images --format json)" = "[]" ] || fail "$1: an image record is left"
    [ -z "$(find "$ROSS_STATE" -name 'unpack-*.lock')" ] || fail "$1: a lock is left"
    wait_for 10 no_snapshot || fail "$1: a snapshot is left: $(ls "$ROSS_ROOT/snapshots")"
}

services_ended() { ! pgrep -f -- "--root $ROSS_ROOT"; }

on_disk() {
    local kind=$1
    export ROSS_ROOT=$WORK/root-$kind ROSS_STATE=$WORK/state-$kind
    mkdir -p "$ROSS_ROOT"
    if [ "$kind" = ext4 ]; then
        truncate -s 48M "$WORK/ext4"
        mkfs.ext4 -q -m 0 "$WORK/ext4"
        mount -o loop "$WORK/ext4" "$ROSS_ROOT"
    else
        mount -t tmpfs -o size=40m none "$ROSS_ROOT"
    fi
    expect_fail 125 "No space left on device" ross image pull -q "$REGISTRY/large:1"
    nothing_half_made "$kind, files"
    expect_fail 125 "No space left on device" ross image pull -q "$REGISTRY/noise:1"
    nothing_half_made "$kind, blob"
    expect_fail 125 "No space left on device" ross image import -q "$WORK/noise.tar" noise
    nothing_half_made "$kind, import"
    # what was downloaded of it is kept for the next try: a prune makes room
    ross system prune --dry-run | finds '^remove ingest layer-sha256:' || fail "$kind: $(ross system prune --dry-run)"
    ross system prune -af >/dev/null || fail "$kind: a full disk cannot be pruned"
    [ -z "$(find "$ROSS_ROOT/content/ingest" -type f)" ] || fail "$kind: a prune leaves $(ls -l "$ROSS_ROOT/content/ingest")"
    ross image pull -q "$REGISTRY/demo:1" >/dev/null || fail "$kind: no room after a prune: $(df "$ROSS_ROOT") $(ross system df -v)"
    expect room ross run --rm "$REGISTRY/demo:1" echo room
    for pid in $(pgrep -f -- "--root $ROSS_ROOT"); do kill "$pid" 2>/dev/null || true; done
    wait_for 10 services_ended || fail "$kind: a service does not end"
    umount "$ROSS_ROOT"
}
on_disk tmpfs
on_disk ext4
