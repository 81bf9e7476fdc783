#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A host whose cgroup controllers are split between v1 and v2: crun cannot work, so runc is taken, with one log line once.
# The runner calls this case before it gives those controllers v1 mounts for the others.
. "$(dirname "$0")/../lib/common.sh"
need runc crun
[ -n "$(tr -d '[:space:]' </sys/fs/cgroup/unified/cgroup.controllers 2>/dev/null)" ] || skip "no controllers are left on a v2 mount beside v1"
demo_layout
ross load -q --input "$WORK/demo" >/dev/null
[ "$(ross run --rm demo echo one 2>"$WORK/err")" = one ] || fail "run: $(cat "$WORK/err")"
[ "$(wc -l <"$WORK/err")" = 1 ] && grep -q 'using runc' "$WORK/err" || fail "not one line about the fall-back: $(cat "$WORK/err")"
[ "$(ross run --rm demo echo two 2>"$WORK/err")" = two ] && [ ! -s "$WORK/err" ] || fail "said again: $(cat "$WORK/err")"
assert_clean
