#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Stand-alone garbage collection over the ross snapshotter: what an image, a container, a label or a lease needs stays, the rest goes from
# the leaf to the base; the dry run says why; deletes work on a full disk.
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/containerd.sh"
need skopeo python3 mkfs.ext4
containerd_bin 1.6
CD_ADDRESS=$ROSS_STATE/contentd.sock
has() { finds "$@"; }
flags=(--root "$ROSS_ROOT" --state "$ROSS_STATE")
gc() { "$BIN/ross-contentd" gc "${flags[@]}" "$@"; }
snap() { "$CD_BIN/ctr" --address "$ROSS_STATE/snapshotter.sock" snapshots --snapshotter ross "$@"; }
names() { snap ls | awk 'NR > 1 {print $1}' | sort; }
sql() { python3 -c 'import sqlite3, sys; db = sqlite3.connect(sys.argv[1], timeout=10); db.executescript(sys.argv[2])' "$@"; }

start_snapshotter() {
    "$BIN/ross-snapshotter" "${flags[@]}" 2>>"$WORK/snapshotter.log" &
    SNAPSHOTTER_PID=$!
    PIDS+=("$SNAPSHOTTER_PID")
    wait_for 10 test -S "$ROSS_STATE/snapshotter.sock" || fail "ross-snapshotter does not start"
}
# Everything was made an hour earlier: active snapshots that are young are spared, as a container may be about to be made of them.
age() {
    kill "$SNAPSHOTTER_PID"
    wait "$SNAPSHOTTER_PID" || true
    rm -f "$ROSS_STATE/snapshotter.sock"
    sql "$ROSS_ROOT/snapshotter.db" "UPDATE snapshots SET created_ns = created_ns - 3600000000000"
    start_snapshotter
}

start() {
    start_snapshotter
    "$BIN/ross-contentd" "${flags[@]}" --log-level debug 2>>"$WORK/contentd.log" &
    CONTENTD_PID=$!
    PIDS+=("$CONTENTD_PID")
    wait_for 10 test -S "$CD_ADDRESS" || fail "ross-contentd does not start: $(cat "$WORK/contentd.log")"
}

start
demo_layout
skopeo copy -q "oci:$WORK/demo:demo:latest" "oci-archive:$WORK/demo.tar:docker.io/lab/demo:1"
ross image load -i "$WORK/demo.tar" >/dev/null 2>"$WORK/err" || fail "image load: $(cat "$WORK/err")"
image=$(ctr images ls -q)
ross create --name c1 "$image" true >/dev/null || fail "create"
layers=$(names)
[ -n "$layers" ] || fail "the image brought no snapshots"
active=$(snap ls | awk '$3 == "Active" {print $1}')
[ -n "$active" ] || fail "the container has no snapshot: $(snap ls)"
top=$(snap ls | awk -v k="$active" '$1 == k {print $2}')
for key in rooted leased; do
    snap prepare "$key-active" "$top" >/dev/null
    snap commit "$key" "$key-active"
done
# ctr makes each a root
snap prepare loose "$top" >/dev/null
snap label loose containerd.io/gc.root= >/dev/null
snap prepare done-active "$top" >/dev/null
snap commit "done" done-active
snap label "done" containerd.io/gc.root= >/dev/null
snap label leased containerd.io/gc.root= >/dev/null
ctr leases create --id holder >/dev/null
sql "$ROSS_ROOT/contentd.db" "INSERT INTO lease_resource VALUES ('default', 'holder', 'snapshots/ross', 'leased');
    UPDATE lease SET created = created + 3600000000000"

# --- each has its reason ---
gc --dry-run >"$WORK/young"
has "^keep snapshot - ross/loose 0: it is less than ten minutes old" "$WORK/young" || fail "a young snapshot has no reason: $(cat "$WORK/young")"
has "^remove snapshot - ross/done 0: nothing refers to it" "$WORK/young" || fail "a layer that nobody has stays for being young: $(cat "$WORK/young")"
gc
names | has -x loose || fail "a young snapshot went"
! names | has -x "done" || fail "a layer that nobody has stays"
age
gc --dry-run >"$WORK/old"
for row in "keep snapshot - ross/$top 0: for " "keep snapshot - ross/$active 0: " "keep snapshot - ross/rooted 0: label gc.root" \
    "keep snapshot - ross/leased 0: for lease holder" "remove snapshot - ross/loose 0: nothing refers to it"; do
    has "^$row" "$WORK/old" || fail "no line '$row': $(cat "$WORK/old")"
done
names | has -x loose || fail "the dry run removed something"
gc
expect "$( (echo "$layers"; echo rooted; echo leased) | sort)" names

# --- a removed image takes its snapshots along, as far as nobody else needs them ---
ross rm c1 >/dev/null
ctr images rm --sync "$image" >/dev/null
age
gc
! names | has -x "$active" || fail "the container's snapshot stays"
names | has -x rooted && names | has -x leased && names | has -x "$top" || fail "what is held went: $(names)"
snap label rooted containerd.io/gc.root= >/dev/null
ctr leases rm --sync holder >/dev/null
age
gc
expect "" names
wait_for 10 eval '[ -z "$(ls "$ROSS_ROOT/snapshots")" ]' || fail "directories are left: $(ls "$ROSS_ROOT/snapshots")"
expect "" ctr content ls -q
kill "$CONTENTD_PID" "$SNAPSHOTTER_PID"
wait "$CONTENTD_PID" "$SNAPSHOTTER_PID" || true

# --- a full disk: writing fails with a clear sentence, deleting and collecting work ---
truncate -s 48M "$WORK/disk"
mkfs.ext4 -q "$WORK/disk"
mkdir -p "$WORK/full"
mount -o loop "$WORK/disk" "$WORK/full"
unmount() { umount "$WORK/full"; }
trap 'kill "$CONTENTD_PID" 2>/dev/null; wait "$CONTENTD_PID" 2>/dev/null; unmount; trap - EXIT; rm -rf --one-file-system "$WORK"' EXIT
flags=(--root "$WORK/full/root" --state "$ROSS_STATE" --snapshotter-address "")
rm -f "$CD_ADDRESS"
"$BIN/ross-contentd" "${flags[@]}" 2>>"$WORK/contentd.log" &
CONTENTD_PID=$!
wait_for 10 test -S "$CD_ADDRESS" || fail "ross-contentd does not start on the small disk"
ctr leases create --id l >/dev/null
put() { # put FILE REF
    ctr content ingest --expected-digest "sha256:$(sha256sum <"$1" | cut -d' ' -f1)" --expected-size "$(stat -c %s "$1")" "$2" <"$1"
}
head -c 20000000 /dev/urandom >"$WORK/first"
head -c 40000000 /dev/urandom >"$WORK/second"
put "$WORK/first" one || fail "the first blob"
! put "$WORK/second" two 2>"$WORK/err" || fail "40 MB fit beside 20 MB into 48 MB"
has -i 'no space left' "$WORK/err" || fail "no clear sentence: $(cat "$WORK/err")"
for size in 1M 4k; do dd if=/dev/zero of="$WORK/full/rest-$size" bs=$size conv=fsync 2>/dev/null || true; done
[ "$(df --output=avail "$WORK/full" | tail -1)" -le 8 ] || fail "the disk is not full: $(df "$WORK/full")"
digest=$(ctr content ls -q)
expect "sha256:$(sha256sum <"$WORK/first" | cut -d' ' -f1)" echo "$digest"
ctr content rm "$digest" >/dev/null || fail "a blob cannot be removed on a full disk"
expect "" ctr content ls -q
gc || fail "nothing can be collected on a full disk"
ls "$WORK/full/root/content/blobs/sha256" | has . && fail "the file of the removed blob stays"
rm "$WORK"/full/rest-*
put "$WORK/first" three || fail "a blob after the disk was full"
