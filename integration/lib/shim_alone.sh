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
    local left hierarchy
    ! pgrep -f "containerd-shim-ross-v2.*$WORK" >/dev/null || fail "a shim is left: $(pgrep -fa "containerd-shim-ross-v2.*$WORK")"
    left=$(grep "$WORK" /proc/self/mountinfo || true)
    [ -z "$left" ] || fail "mounts are left: $left"
    for hierarchy in $(awk '$3 ~ /^cgroup/ { print $2 }' /proc/mounts); do
        left=$(find "$hierarchy$SHIM_CGROUP" -mindepth 1 -type d 2>/dev/null || true)
        [ -z "$left" ] || fail "cgroups are left: $left"
    done
}
# Also when a case fails, after shim_client.py has ended its containers.
remove_shim_cgroups() {
    find /sys/fs/cgroup/*"$SHIM_CGROUP" -depth -type d -exec rmdir {} \; 2>/dev/null
    # crun writes into the tmpfs where a hierarchy is not mounted
    rm -rf --one-file-system /sys/fs/cgroup/*"$SHIM_CGROUP" 2>/dev/null
}
trap 'status=$?; set +e; remove_shim_cgroups; (exit $status); cleanup' EXIT
export SHIM_CGROUP=/shimtest-$$
