#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The content store beside containerd 1.6's, over their sockets, through the same Go client and with the same durability, and
# beside what the parts alone can do. MANY=N fills ours with N blobs for the look-ups (default 100000).
. "$(dirname "$0")/../../lib/common.sh"
. "$(dirname "$0")/../../lib/containerd.sh"
. "$(dirname "$0")/../../lib/go_program.sh"
go_program build bench/content bench content
"$BIN/ross-contentd" --root "$ROSS_ROOT" --state "$ROSS_STATE" --snapshotter-address "" --log-level warn 2>"$WORK/contentd.log" &
PIDS+=($!)
contentd=$!
wait_for 10 test -S "$ROSS_STATE/contentd.sock" || fail "ross-contentd does not start"
start_containerd 1.6

"$WORK/bench" "$CD_ADDRESS" bench speed "$CD_PID" >"$WORK/theirs"
"$WORK/bench" "$ROSS_STATE/contentd.sock" bench speed "$contentd" >"$WORK/ours"
echo "                              containerd 1.6       ross   ratio"
while read -r name theirs; do
    ours=$(awk -v n="$name" '$1==n {print $2}' "$WORK/ours")
    awk -v n="$name" -v a="$theirs" -v b="$ours" 'BEGIN {printf "%-30s %12s %10s  %6.2f\n", n, a, b, b/a}'
done <"$WORK/theirs"

echo "--- the client's own limit: a store that keeps nothing"
"$WORK/bench" "$WORK/null.sock" bench null &
PIDS+=($!)
wait_for 10 test -S "$WORK/null.sock"
"$WORK/bench" "$WORK/null.sock" bench write 3
"$WORK/bench" "$WORK/null.sock" bench read 3

echo "--- the parts alone"
openssl speed -elapsed -seconds 1 -bytes 1048576 -evp sha256 2>/dev/null | awk '/^sha256/ {printf "sha256 of 1 MiB pieces         %s bytes/s\n", $2}'
dd if=/dev/zero of="$WORK/dd" bs=1M count=256 conv=fsync 2>&1 | awk -F, '/copied/ {print "dd with fsync, 256 MiB         " $NF}'
python3 - "$WORK/sync" <<'P'
import os, sys, time
fd = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR)
start = time.time()
for i in range(500):
    os.pwrite(fd, b"x" * 4096, 0)
    os.fdatasync(fd)
print(f"fdatasync of one page          {500 / (time.time() - start):.0f}/s")
P

# The list is counted by the blob: that of a hundred is one message, and its call the most of it.
echo "--- many blobs, ours alone"
"$BIN/ross-contentd" --root "$WORK/few" --state "$WORK/few" --snapshotter-address "" --log-level warn 2>"$WORK/few.log" &
PIDS+=($!)
wait_for 10 test -S "$WORK/few/contentd.sock" || fail "ross-contentd does not start"
"$WORK/bench" "$ROSS_STATE/contentd.sock" many many "${MANY:-100000}" "$WORK/few/contentd.sock"
