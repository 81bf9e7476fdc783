# SPDX-License-Identifier: Apache-2.0
# Sourced after containerd.sh by the cases of the shim: an image in a private containerd, running with our runtime, and what
# must not be left behind.
# shellcheck shell=bash

IMAGE=docker.io/library/demo:1
RUNTIME=io.containerd.ross.v2
NS=ross-$$

# load_demo: the demo image into the containerd that start_containerd started; no network.
load_demo() {
    need tar skopeo
    demo_layout
    skopeo copy -q "oci:$WORK/demo:demo:latest" "oci-archive:$WORK/demo.tar:$IMAGE"
    c images import --base-name docker.io/library/demo "$WORK/demo.tar" >/dev/null || fail "import"
    [ -n "$(c images ls -q)" ] || fail "no image after the import"
    IMAGE=$(c images ls -q | awk 'NR == 1')
}

# ctr in a namespace of this case alone, never for longer than a minute.
c() { timeout 60 "$CD_BIN/ctr" --address "$CD_ADDRESS" --namespace "$NS" "$@"; }
# run ID [FLAG…] -- CMD…
run() {
    local id=$1 flags=()
    shift
    while [ "$1" != -- ]; do flags+=("$1"); shift; done
    shift
    c run --runtime "$RUNTIME" "${flags[@]}" "$IMAGE" "$id" "$@"
}
# status_is ID STATUS; "" = there is no such task
status_is() { c task ls | awk -v id="$1" -v want="$2" '$1 == id { found = $3 } END { exit !(found == want) }'; }
shim_pid() { pgrep -f "containerd-shim-ross-v2 -namespace $NS -id $1 " | head -1; }

# ours alone: a namespace like k8s.io may have others
no_shims() { ! pgrep -f "containerd-shim-ross-v2 -namespace $NS .*$WORK" >/dev/null; }
runtime_knows() { grep -lrs -- "$WORK" "/run/containerd/runc/$NS" || true; }

our_cgroups() {
    local group
    for group in $(find "$1/$NS" -mindepth 1 -type d 2>/dev/null); do
        [ "$NS" != k8s.io ] || grep -qs "$(basename "$group")" "$CD_DIR/log" || continue
        echo "$group"
    done
}
# Nothing of any container of this case is left.
assert_nothing_left() {
    local left hierarchy
    wait_for 10 no_shims || fail "a shim is left: $(pgrep -fa "containerd-shim-ross-v2 -namespace $NS .*$WORK")"
    left=$(grep "$CD_DIR" /proc/self/mountinfo || true)
    [ -z "$left" ] || fail "mounts are left: $left"
    left=$(ls "$CD_DIR/state/io.containerd.runtime.v2.task/$NS" 2>/dev/null || true)
    [ -z "$left" ] || fail "bundles are left: $left"
    left=$(runtime_knows)
    [ -z "$left" ] || fail "the runtime still knows: $left"
    for hierarchy in $(awk '$3 ~ /^cgroup/ { print $2 }' /proc/mounts); do
        left=$(our_cgroups "$hierarchy")
        [ -z "$left" ] || fail "cgroups are left: $left"
    done
    # crun writes into the tmpfs where a hierarchy is not mounted
    [ "$NS" = k8s.io ] || rm -rf --one-file-system /sys/fs/cgroup/*/"$NS" 2>/dev/null || true
    [ "$(record_rows)" = 0 ] || fail "the record still has $(record_rows) exits"
}
record_rows() { python3 -c '
import sqlite3, sys, os
p = sys.argv[1] + "/tasks.db"
print(sqlite3.connect(p).execute("select count(*) from exits").fetchone()[0] if os.path.exists(p) else 0)' "$ROSS_STATE"; }
# How many sockets of shims nobody serves.
dead_sockets() { python3 -c '
import os, socket
dead = 0
for name in os.listdir("/run/containerd/s") if os.path.isdir("/run/containerd/s") else ():
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.connect("/run/containerd/s/" + name)
    except ConnectionRefusedError:
        dead += 1
    except OSError:
        pass
print(dead)'; }
remove_cgroups() {
    find /sys/fs/cgroup -maxdepth 2 -name "$NS" -type d -exec rmdir {} + 2>/dev/null || true
    rmdir "/run/containerd/runc/$NS" 2>/dev/null || true
}

# A case that fails ends its containers all the same: by what the runtime knows of our bundles.
end_containers() {
    local state runtime
    for state in "/run/containerd/runc/$NS"/*/; do
        grep -qrs -- "$WORK" "$state" || continue
        runtime=crun
        [ ! -e "$state/state.json" ] || runtime=runc
        "$runtime" --root "/run/containerd/runc/$NS" delete --force "$(basename "$state")" 2>/dev/null
    done
    remove_cgroups
}
trap 'status=$?; set +e; end_containers; (exit $status); cleanup' EXIT
