#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Garbage collection of the stand-alone store: images, leases, labels and unfinished writes keep; the rest goes, with its reason.
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/containerd.sh"
need skopeo
containerd_bin 1.6
CD_ADDRESS=$ROSS_STATE/contentd.sock
flags=(--root "$ROSS_ROOT" --state "$ROSS_STATE")
"$BIN/ross-contentd" "${flags[@]}" --log-level debug 2>"$WORK/contentd.log" &
PIDS+=($!)
wait_for 10 test -S "$CD_ADDRESS" || fail "ross-contentd does not start: $(cat "$WORK/contentd.log")"
has() { finds "$@"; }
files() { ls "$ROSS_ROOT/content/blobs/sha256" | wc -l; }
put() { # put TEXT [ctr flags…] → digest
    local text=$1 digest
    shift
    digest=sha256:$(printf %s "$text" | sha256sum | cut -d' ' -f1)
    printf %s "$text" | ctr "$@" content ingest --expected-digest "$digest" --expected-size ${#text} "ref-$text"
    echo "$digest"
}
gc() { "$BIN/ross-contentd" gc "${flags[@]}" "$@"; }

# --- an image is kept whole, and goes whole ---
demo_layout
skopeo copy -q "oci:$WORK/demo:demo:latest" "oci-archive:$WORK/demo.tar:docker.io/lab/demo:1"
ctr images import --no-unpack "$WORK/demo.tar" >/dev/null
image=$(ctr images ls -q)
loose=$(put loose)
gc --dry-run >"$WORK/verdicts"
has "^keep image default $image 0: an image" "$WORK/verdicts" || fail "the image has no reason: $(cat "$WORK/verdicts")"
has "^keep content default sha256:[0-9a-f]* [0-9]*: for image $image" "$WORK/verdicts" || fail "the manifest has no reason"
[ "$(grep -c '^keep content .*: for content sha256:' "$WORK/verdicts")" = 2 ] || fail "config and layer have no reason: $(cat "$WORK/verdicts")"
has "^remove content default $loose 5: nothing refers to it" "$WORK/verdicts" || fail "the loose blob would stay"
ctr content ls -q | has "$loose" || fail "the dry run removed something"
gc
! ctr content ls -q | has "$loose" || fail "the loose blob stays"
[ "$(ctr content ls -q | wc -l)" = 3 ] || fail "the image is not whole: $(ctr content ls)"
[ "$(files)" = 3 ] || fail "files are left: $(files)"

# --- leases hold, also content that was there already, until they are deleted or expire ---
ctr leases create --id holder >/dev/null
held=$(put held)
"$CD_BIN/ctr" --address "$CD_ADDRESS" leases ls | has holder
gc --dry-run | has "^remove content default $held" || fail "an unleased blob is kept"
ctr images tag "$image" expired:1 >/dev/null
ctr images label expired:1 containerd.io/gc.expire=2001-01-01T00:00:00Z >/dev/null
gc --dry-run | has "^remove image default expired:1 0: expired" || fail "an expired image would stay"
ctr leases create --id old containerd.io/gc.expire=2001-01-01T00:00:00Z >/dev/null 2>&1 || true
gc
expect "$image" ctr images ls -q

# --- labels: gc.root, references, back references ---
root=$(put root-of-all)
child=$(put a-child)
back=$(put back-reference)
ctr content label "$root" containerd.io/gc.root=yes "containerd.io/gc.ref.content.0=$child" >/dev/null
ctr content label "$back" "containerd.io/gc.bref.content.0=$child" >/dev/null
gc
for digest in "$root" "$child" "$back"; do ctr content ls -q | has "$digest" || fail "$digest went"; done
gc --dry-run | has "^keep content default $child 7: for content $root" || fail "no reason for the child"
ctr content label "$root" containerd.io/gc.root= >/dev/null
gc
for digest in "$root" "$child" "$back"; do ! ctr content ls -q | has "$digest" || fail "$digest stays"; done

# --- an unfinished write stays for a day ---
digest=sha256:$(printf unfinished | sha256sum | cut -d' ' -f1)
printf unfin | ctr content ingest --expected-digest "$digest" --expected-size 10 slow 2>/dev/null || true
gc
ctr content active | has slow || fail "the unfinished write went"

# --- what the plain view holds is nobody's business here ---
printf plain | "$CD_BIN/ctr" --address "$ROSS_STATE/contentd-plugin.sock" content ingest \
    --expected-digest "sha256:$(printf plain | sha256sum | cut -d' ' -f1)" --expected-size 5 plain-ref
gc
[ "$(files)" = 4 ] || fail "the plain blob went"

# --- deleting the image with --sync collects at once ---
ctr images rm --sync "$image" >/dev/null
expect "" ctr content ls -q
[ "$(files)" = 1 ] || fail "$(files) files are left"
! grep -E 'level=(warn|error)' "$WORK/contentd.log" || fail "the log has warnings"
