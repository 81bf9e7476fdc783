#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A host whose cgroup controllers are split between v1 and v2: crun cannot work, so runc is taken, with one log line once.
# A host that was cured of it is made so again: v1 mounts without groups are taken away, and what they held goes back to v2.
. "$(dirname "$0")/../lib/common.sh"
need runc crun
unified=/sys/fs/cgroup/unified
[ -f $unified/cgroup.controllers ] || skip "no v2 mount beside v1"
split() { [ -n "$(tr -d '[:space:]' <$unified/cgroup.controllers)" ]; }
if ! split; then
    for c in hugetlb pids perf_event; do
        find "/sys/fs/cgroup/$c/" -depth -mindepth 1 -type d -exec rmdir {} + 2>/dev/null || true # what no process lives in
        mountpoint -q "/sys/fs/cgroup/$c" && [ -z "$(find "/sys/fs/cgroup/$c" -mindepth 1 -type d -print -quit)" ] || continue
        umount "/sys/fs/cgroup/$c" && break
    done
    wait_for 10 split || skip "no v1 controller can be given back to the v2 mount"
fi
demo_layout
ross load -q --input "$WORK/demo" >/dev/null
[ "$(ross run --rm demo echo one 2>"$WORK/err")" = one ] || fail "run: $(cat "$WORK/err")"
[ "$(wc -l <"$WORK/err")" = 1 ] && grep -q 'using runc' "$WORK/err" || fail "not one line about the fall-back: $(cat "$WORK/err")"
[ "$(ross run --rm demo echo two 2>"$WORK/err")" = two ] && [ ! -s "$WORK/err" ] || fail "said again: $(cat "$WORK/err")"
assert_clean
