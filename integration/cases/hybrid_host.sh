#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A host whose cgroup controllers are split between v1 and v2: crun cannot work, so runc is taken, with one log line once.
# A host that was cured of it is made so again: v1 mounts without groups are taken away, and what they held goes back to v2.
. "$(dirname "$0")/../lib/common.sh"
need runc crun
unified=/sys/fs/cgroup/unified
[ -f $unified/cgroup.controllers ] || skip "no v2 mount beside v1"
split() { [ -n "$(tr -d '[:space:]' <$unified/cgroup.controllers)" ]; }
# An unmounted hierarchy lives on while groups of it are dying: then it is mounted and taken away once more.
give_back() {
    local v1=/sys/fs/cgroup/hugetlb
    mountpoint -q $v1 || mount -t cgroup -o hugetlb cgroup $v1 || return 1
    find $v1/ -depth -mindepth 1 -type d -exec rmdir {} \; 2>/dev/null || true # what no process lives in
    umount $v1 && wait_for 3 split
}
if ! split && ! wait_for 20 give_back; then
    mountpoint -q /sys/fs/cgroup/hugetlb || mount -t cgroup -o hugetlb cgroup /sys/fs/cgroup/hugetlb
    skip "no v1 controller can be given back to the v2 mount"
fi
demo_layout
ross load -q --input "$WORK/demo" >/dev/null
[ "$(ross run --rm demo echo one 2>"$WORK/err")" = one ] || fail "run: $(cat "$WORK/err")"
[ "$(wc -l <"$WORK/err")" = 1 ] && grep -q 'using runc' "$WORK/err" || fail "not one line about the fall-back: $(cat "$WORK/err")"
[ "$(ross run --rm demo echo two 2>"$WORK/err")" = two ] && [ ! -s "$WORK/err" ] || fail "said again: $(cat "$WORK/err")"
assert_clean
