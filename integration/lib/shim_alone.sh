# SPDX-License-Identifier: Apache-2.0
# Sourced after common.sh by the cases that drive a shim with lib/shim_client.py, without a containerd.
# shellcheck shell=bash

export PYTHONPATH=$HERE/lib PYTHONDONTWRITEBYTECODE=1
SHIM=$BIN/containerd-shim-ross-v2

need_runtime() {
    need python3 busybox "$1"
    "$1" --root "$WORK/probe" list >/dev/null 2>&1 || skip "$1 does not work on this host: $("$1" --root "$WORK/probe" list 2>&1 | tail -1)"
}

# Nothing of what shim_client.py makes is left.
assert_alone() {
    local left
    ! pgrep -f "containerd-shim-ross-v2.*$WORK" >/dev/null || fail "a shim is left: $(pgrep -fa "containerd-shim-ross-v2.*$WORK")"
    left=$(grep "$WORK" /proc/self/mountinfo || true)
    [ -z "$left" ] || fail "mounts are left: $left"
    left=$(find /sys/fs/cgroup -path "*/shimtest-$$/*" -type d 2>/dev/null || true)
    [ -z "$left" ] || fail "cgroups are left: $left"
    find /sys/fs/cgroup -maxdepth 2 -name "shimtest-$$" -type d -exec rmdir {} + 2>/dev/null || true
}
export SHIM_CGROUP=/shimtest-$$
